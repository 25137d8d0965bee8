"""The one place that reads configuration: section ``[openmetadata_dag_factory]`` of airflow.cfg or its environment."""

from __future__ import annotations

from dag_factory.errors import SettingsError

SECTION = "openmetadata_dag_factory"
DEFAULT_CONFIG_STORE = "{AIRFLOW_HOME}/configs"

# What `airflow config list` shows, in the form that a provider declares it.
OPTIONS = {
    "config_store": {
        "description": (
            "Folder that holds the configs of all pipelines: one JSON or YAML file each, subfolders included.\n"
            "The DAG processor, the workers and whoever deploys must see the same folder.\n"
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "/opt/airflow/dag_generated_configs",
        "default": DEFAULT_CONFIG_STORE,
    },
    "host_ip": {
        "description": (
            "Address that the OpenMetadata server shows as that of this Airflow.\n"
            "Where it is empty, it is the address by which the API server's machine reaches out.\n"
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "10.0.0.7",
        "default": "",
    },
    "ingestion_version": {
        "description": (
            "Version of openmetadata-ingestion that the workers have. The OpenMetadata server compares it with its\n"
            "own. Where it is empty, it is the version that is installed beside the API server.\n"
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "2.0.6.0",
        "default": "",
    },
}


def config_store() -> str:
    """
    Return where the configs are stored, a folder's path.

    :raises SettingsError: where the option is set to nothing
    """
    # Airflow asks for OPTIONS while it is still building this object.
    from airflow.configuration import AIRFLOW_HOME, conf

    # Airflow 3.1 loads the defaults of providers only in processes that its command line starts: not in a pod's task.
    default = DEFAULT_CONFIG_STORE.format(AIRFLOW_HOME=AIRFLOW_HOME)
    location = conf.get(SECTION, "config_store", fallback=default) or ""
    if not location.strip():
        raise SettingsError(f"[{SECTION}] config_store is empty. Set it to the folder that holds the configs.")
    return location.strip()


def host_ip() -> str | None:
    """Return the address to show as that of this Airflow, None where it is to be found out."""
    return _text("host_ip")


def ingestion_version() -> str | None:
    """Return the version of openmetadata-ingestion that the workers have, None where it is that of this machine."""
    return _text("ingestion_version")


def _text(option: str) -> str | None:
    from airflow.configuration import conf

    return (conf.get(SECTION, option, fallback="") or "").strip() or None
