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
