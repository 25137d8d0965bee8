"""
What operators set: section ``[openmetadata_dag_factory]`` of airflow.cfg or its environment, read here.

Beside it, what can be set (`options`), what is read of Airflow's other sections (`airflow_settings`), what differs
between Airflows (`airflow_versions`) and between their processes (`components`), and what Airflow discovers of it
(`provider`, `connection_form`).

Runs in every process of Airflow. It imports only the standard library, Airflow, and the exceptions.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from dag_factory.errors import SettingsError
from dag_factory.settings.options import (
    DEFAULT_CONFIG_STORE,
    DEFAULT_STATE_FOLDER,
    IN_PROCESS,
    LONGEST_SPREAD,
    OPTIONS,
    SECTION,
)

MOST_SECONDS = 2**31 - 1
WATCH_MODES = ("auto", "poll", "off")
# Tags of Git have a v in front.
_VERSION = re.compile(r"v?([0-9]+\.[0-9]+[0-9A-Za-z.+-]*)")
# As Airflow reads its own.
_FLAGS = {**dict.fromkeys(("t", "true", "1"), True), **dict.fromkeys(("f", "false", "0"), False)}


def config_store() -> str:
    """
    Return the path of the folder that holds the configs, or the URL of object storage.

    :raises SettingsError: where the option is set to nothing
    """
    location = _located("config_store", DEFAULT_CONFIG_STORE)
    if not location:
        raise SettingsError(f"[{SECTION}] config_store is empty. Set it to the folder that holds the configs.")
    return location


def state_folder() -> Path:
    """
    Return the folder on this machine in which components remember the store.

    :raises SettingsError: where the option is set to nothing, or its home folder is unknown
    """
    location = _located("state_folder", DEFAULT_STATE_FOLDER)
    if not location:
        raise SettingsError(f"[{SECTION}] state_folder is empty. Set it to a folder that Airflow's user can write to.")
    return expanded(location, f"[{SECTION}] state_folder")


def last_good_folder() -> Path | None:
    """
    Return the folder for last good versions, None where they are kept in the store.

    :raises SettingsError: where its home folder is unknown
    """
    location = _text("last_good_folder")
    return expanded(location, f"[{SECTION}] last_good_folder") if location else None


def expanded(path: str | os.PathLike[str], name: str) -> Path:
    """
    Return a path with the home folder that a ``~`` at its beginning stands for.

    :param name: of what has this path, for the message
    :raises SettingsError: where that home folder is unknown
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        problem = f"the home folder in '{os.fspath(path)}' is unknown on this machine"
        raise SettingsError(f"{name}: {problem}. Set it to an absolute path.") from None


def host_ip() -> str | None:
    """Return the address that is shown for this Airflow, None where it must be found out."""
    return _text("host_ip")


def ingestion_version() -> str | None:
    """
    Return the workers' version of openmetadata-ingestion, None where it is this machine's.

    :raises SettingsError: where it is not a version with two numbers at least, such as ``2.0``
    """
    said = _text("ingestion_version")
    if said is None:
        return None
    version = _VERSION.fullmatch(said)
    if version is None:
        raise SettingsError(
            f"[{SECTION}] ingestion_version is not a version such as 2.0.6.0. Set it to the workers' full version"
        )
    return version[1]


def python() -> str:
    """
    Return where ingestion code runs: the path of an interpreter, or ``in_process``.

    :raises SettingsError: where it is neither
    """
    return _interpreter("python", _text("python") or IN_PROCESS)


def allowed_pythons() -> frozenset[str]:
    """
    Return the further interpreters that a config may choose.

    :raises SettingsError: where one is not an absolute path
    """
    return frozenset(_interpreter("allowed_pythons", each) for each in _list("allowed_pythons"))


def warm_start() -> bool:
    """
    Return whether workers import openmetadata-ingestion once for all their runs.

    :raises SettingsError: where the option is neither true nor false
    """
    return _flag("warm_start")


def warm_start_idle() -> int:
    """Return after how many seconds without a run the template of an interpreter gives back its memory."""
    return _count("warm_start_idle", least=1)


def allowed_applications() -> tuple[str, ...]:
    """Return the prefixes of the Python classes that an application pipeline may run."""
    return _list("allowed_applications")


def allowed_env() -> tuple[str, ...]:
    """Return the names of the environment variables that a config may refer to; ``*`` stands for any characters."""
    return _list("allowed_env")


def allowed_connections() -> tuple[str, ...]:
    """Return the ids of the Connections that a config may refer to; ``*`` stands for any characters."""
    return tuple(dict.fromkeys(filter(None, [openmetadata_conn_id(), *_list("allowed_connections")])))


def allowed_servers() -> tuple[str, ...]:
    """Return the hosts that a config may report to, each maybe with a port; empty where any host is allowed."""
    return _list("allowed_servers")


def longest_run() -> int | None:
    """
    Return after how many seconds a run without a ``workflowTimeout`` is ended, None for no limit.

    :raises SettingsError: where it is not a number, or larger than a time-out can be
    """
    seconds = _count("longest_run", least=0)
    if seconds > MOST_SECONDS:
        raise SettingsError(f"[{SECTION}] longest_run is more than {MOST_SECONDS}. For no limit, set it to 0.")
    return seconds or None


def title_tag() -> bool:
    """
    Return whether a DAG has the title of its pipeline as a tag.

    :raises SettingsError: where the option is neither true nor false
    """
    return _flag("title_tag")


def metrics_dag_id() -> bool:
    """
    Return whether the metrics of runs have the DAG's id as a tag.

    :raises SettingsError: where the option is neither true nor false
    """
    return _flag("metrics_dag_id")


def schedule_spread_seconds() -> int:
    """
    Return over how many seconds the runs of one cron are spread where a config doesn't say, 0 for no spread.

    :raises SettingsError: where it is not a number, or longer than a day
    """
    seconds = _count("schedule_spread_seconds", least=0)
    if seconds > LONGEST_SPREAD:
        raise SettingsError(f"[{SECTION}] schedule_spread_seconds is more than {LONGEST_SPREAD}, a day. Set less.")
    return seconds


def automation_workers() -> int:
    """Return how many automations run at the same time; raises SettingsError where it is not a number above 0."""
    return _count("automation_workers", least=1)


def automation_queue() -> int:
    """Return how many automations may wait; raises SettingsError where it is not a number."""
    return _count("automation_queue", least=0)


def automation_timeout() -> int:
    """Return after how many seconds an automation is ended; raises SettingsError where it is not a number above 0."""
    return _count("automation_timeout", least=1)


def openmetadata_conn_id() -> str | None:
    """Return the id of the Connection to the OpenMetadata server, None where each config has its own."""
    return _text("openmetadata_conn_id")


def check_server_minutes() -> int:
    """
    Return after how many minutes the store is compared with the OpenMetadata server again, 0 for never.

    :raises SettingsError: where it is not a number
    """
    return _count("check_server_minutes", least=0)


def openmetadata_url() -> str | None:
    """Return the address of OpenMetadata's UI, None where it follows from that of the API."""
    return _text("openmetadata_url")


def watch_store() -> str:
    """
    Return whether and how the store is watched: one of `WATCH_MODES`.

    :raises SettingsError: where the option is anything else
    """
    mode = (_text("watch_store") or "auto").lower()
    if mode not in WATCH_MODES:
        raise SettingsError(f"[{SECTION}] watch_store is invalid. Set it to one of {', '.join(WATCH_MODES)}.")
    return mode


def _interpreter(option: str, value: str) -> str:
    if value != IN_PROCESS and not Path(value).is_absolute():
        raise SettingsError(
            f"[{SECTION}] {option}: '{value}' is neither {IN_PROCESS} nor an absolute path. Set it to one of the two"
        )
    return value


def _count(option: str, *, least: int) -> int:
    value = _text(option) or OPTIONS[option]["default"] or ""
    if not value.isdecimal() or int(value) < least:
        raise SettingsError(f"[{SECTION}] {option} is not a whole number of at least {least}. Set it to such a number")
    return int(value)


def _flag(option: str) -> bool:
    value = (_text(option) or OPTIONS[option]["default"] or "").lower()
    if value not in _FLAGS:
        raise SettingsError(f"[{SECTION}] {option} is neither true nor false. Set it to one of the two.")
    return _FLAGS[value]


def _list(option: str) -> tuple[str, ...]:
    """Return the parts of an option that commas or line ends separate, without those that are empty."""
    value = _text(option)
    if value is None and not _is_set(option):
        value = OPTIONS[option]["default"]
    return tuple(part.strip() for part in re.split(r"[,\n]", value or "") if part.strip())


def _is_set(option: str) -> bool:
    """Return whether an option has a value, which may be empty: an empty list allows nothing."""
    from airflow.configuration import conf

    return conf.get(SECTION, option, fallback=None) is not None


def _located(option: str, default: str) -> str:
    """Return a path, by default one below Airflow's home; empty where the option is set to nothing."""
    # Imported here: Airflow reads OPTIONS while it is still building `conf`.
    from airflow.configuration import AIRFLOW_HOME, conf

    # Airflow 3.1 loads providers' defaults only in processes that its command line starts, so not in a pod's task.
    value = conf.get(SECTION, option, fallback=default.format(AIRFLOW_HOME=AIRFLOW_HOME)) or ""
    return str(value.strip())


def _text(option: str) -> str | None:
    from airflow.configuration import conf

    return (conf.get(SECTION, option, fallback="") or "").strip() or None
