"""The one place that reads configuration: section ``[openmetadata_dag_factory]`` of airflow.cfg or its environment."""

from __future__ import annotations

import re
from pathlib import Path

from dag_factory.errors import SettingsError

SECTION = "openmetadata_dag_factory"
DEFAULT_CONFIG_STORE = "{AIRFLOW_HOME}/configs"

IN_PROCESS = "in_process"
"""In place of an interpreter: no other one than Airflow's own, and no process of its own."""

# What `airflow config list` shows, in the form that a provider declares it.
OPTIONS: dict[str, dict[str, str | None]] = {
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
    "python": {
        "description": (
            "Where ingestion code runs: in_process, so in the process of the task, where openmetadata-ingestion is\n"
            "installed beside Airflow; or the path of an interpreter of another environment that has\n"
            "openmetadata-ingestion, which is then started for each run.\n"
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "/opt/ingestion/bin/python",
        "default": IN_PROCESS,
    },
    "allowed_pythons": {
        "description": (
            "Paths of further interpreters that a config may choose for its runs, separated by commas. A config\n"
            "that names any other program is refused: whoever may deploy one could start it.\n"
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "/opt/ingestion-1.12/bin/python,/opt/ingestion-2.0/bin/python",
        "default": "",
    },
    "automation_workers": {
        "description": (
            "How many automations, such as tests of a connection, one process of the API server runs at the same\n"
            "time; [api] workers says how many processes it has.\n"
        ),
        "version_added": "0.1.0",
        "type": "integer",
        "example": None,
        "default": "2",
    },
    "automation_queue": {
        "description": "How many automations may wait in one process of the API server; more are refused.\n",
        "version_added": "0.1.0",
        "type": "integer",
        "example": None,
        "default": "20",
    },
    "automation_timeout": {
        "description": "Seconds after which an automation is ended, and reported as failed.\n",
        "version_added": "0.1.0",
        "type": "integer",
        "example": None,
        "default": "300",
    },
    "watch_store": {
        "description": (
            "Whether the API server watches the config store for files that are changed by hand: auto, poll (never\n"
            "rely on the kernel to tell of changes, but look through the folder again and again) or off.\n"
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "poll",
        "default": "auto",
    },
    "openmetadata_conn_id": {
        "description": (
            "Airflow Connection that says where the OpenMetadata server is (host, schema, port) and holds the token\n"
            "of its bot (password), for all pipelines. It is laid over what their configs say.\n"
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "openmetadata",
        "default": "",
    },
    "openmetadata_url": {
        "description": (
            "Address of OpenMetadata's UI, for the links on tasks.\n"
            "Where it is empty, it is that of the API without the path.\n"
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "https://openmetadata.example.com",
        "default": "",
    },
}

WATCH_MODES = ("auto", "poll", "off")


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


def python() -> str:
    """
    Return where ingestion code runs: the path of an interpreter, or ``in_process``.

    :raises SettingsError: where it is neither
    """
    return _interpreter("python", _text("python") or IN_PROCESS)


def allowed_pythons() -> frozenset[str]:
    """
    Return the further interpreters that a config may choose.

    :raises SettingsError: where one is no absolute path
    """
    named = (each.strip() for each in re.split(r"[,\n]", _text("allowed_pythons") or ""))
    return frozenset(_interpreter("allowed_pythons", each) for each in named if each)


def automation_workers() -> int:
    """Return how many automations run at the same time; raises SettingsError where it is no number above 0."""
    return _count("automation_workers", least=1)


def automation_queue() -> int:
    """Return how many automations may wait; raises SettingsError where it is no number."""
    return _count("automation_queue", least=0)


def automation_timeout() -> int:
    """Return after how many seconds an automation is ended; raises SettingsError where it is no number above 0."""
    return _count("automation_timeout", least=1)


def openmetadata_conn_id() -> str | None:
    """Return the id of the Connection to the OpenMetadata server, None where the configs say it themselves."""
    return _text("openmetadata_conn_id")


def openmetadata_url() -> str | None:
    """Return the address of OpenMetadata's UI, None where it follows from that of the API."""
    return _text("openmetadata_url")


def swagger_ui() -> bool:
    """Return whether Airflow's API server shows pages about its APIs."""
    from airflow.configuration import conf

    return bool(conf.getboolean("api", "enable_swagger_ui", fallback=True))


def watch_store() -> str:
    """
    Return whether and how the store is watched: one of `WATCH_MODES`.

    :raises SettingsError: where the option is anything else
    """
    mode = (_text("watch_store") or "auto").lower()
    if mode not in WATCH_MODES:
        raise SettingsError(f"[{SECTION}] watch_store is none of {', '.join(WATCH_MODES)}. Set it to one of them.")
    return mode


def dags_folder() -> Path:
    """Return Airflow's own DAGs folder on this machine, where the loader may lie."""
    from airflow.configuration import conf

    return Path(conf.get("core", "dags_folder"))


def dag_update_seconds() -> int:
    """Return for how many seconds Airflow leaves a DAG as it has last written it down, whatever a parse says."""
    from airflow.configuration import conf

    return int(conf.getint("core", "min_serialized_dag_update_interval", fallback=30))


def stale_dag_seconds() -> int:
    """Return how much later than the last parse with a DAG one without it must end, for Airflow to take it for gone."""
    from airflow.configuration import conf

    return int(conf.getint("dag_processor", "stale_dag_threshold", fallback=50))


def _interpreter(option: str, value: str) -> str:
    if value != IN_PROCESS and not Path(value).is_absolute():
        raise SettingsError(f"[{SECTION}] {option}: '{value}' is neither {IN_PROCESS} nor an absolute path")
    return value


def _count(option: str, *, least: int) -> int:
    value = _text(option) or OPTIONS[option]["default"] or ""
    if not value.isdecimal() or int(value) < least:
        raise SettingsError(f"[{SECTION}] {option} is no number of at least {least}")
    return int(value)


def _text(option: str) -> str | None:
    from airflow.configuration import conf

    return (conf.get(SECTION, option, fallback="") or "").strip() or None
