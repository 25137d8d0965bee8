"""What this package reads of Airflow's own settings, on the machine on which it is asked."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Any

from airflow.configuration import conf

from dag_factory.settings.options import OPTIONS, SECTION


def base_url() -> str:
    """Return the address of Airflow's API server for browsers, empty where none is set."""
    return str(conf.get("api", "base_url", fallback=""))


def swagger_ui() -> bool:
    """Return whether Airflow's API server shows pages about its APIs."""
    return bool(conf.getboolean("api", "enable_swagger_ui", fallback=True))


def mail_connection() -> str:
    """Return the id of the Connection through which Airflow mails."""
    return conf.get("email", "email_conn_id", fallback="") or "smtp_default"


def dags_folder() -> Path:
    """Return Airflow's own DAGs folder on this machine, where the loader may lie."""
    return Path(conf.get("core", "dags_folder"))


def dag_bundles() -> list[dict[str, Any]]:
    """Return the bundles of ``[dag_processor] dag_bundle_config_list``, as far as they have the form of one."""
    bundles = conf.getjson("dag_processor", "dag_bundle_config_list", fallback=[])
    return [
        {**bundle, "kwargs": kwargs if isinstance(kwargs := bundle.get("kwargs"), dict) else {}}
        for bundle in (bundles if isinstance(bundles, list) else [])
        if isinstance(bundle, dict)
    ]


def local_bundles() -> dict[str, Path]:
    """Return the folders of this machine from which Airflow takes DAGs, by the names of its local bundles."""
    return {
        str(bundle.get("name")): Path(str(bundle["kwargs"].get("path") or dags_folder()))
        for bundle in dag_bundles()
        if str(bundle.get("classpath")).endswith(".LocalDagBundle")
    }


def load_limits() -> tuple[float | None, float | None]:
    """
    Return for how many seconds Airflow's DAG processor lets a loader run, None without a limit.

    Airflow ends the loader's module after ``[core] dagbag_import_timeout``, and the whole parse after ``[dag_processor]
    dag_file_processor_timeout``.
    """
    module = conf.getfloat("core", "dagbag_import_timeout", fallback=30.0)
    parse = conf.getfloat("dag_processor", "dag_file_processor_timeout", fallback=50.0)
    return (module if module > 0 else None, parse if parse > 0 else None)


def file_process_seconds() -> int:
    """Return after how many seconds Airflow's DAG processor parses a file again that has not changed."""
    return int(conf.getint("dag_processor", "min_file_process_interval", fallback=30))


def dag_update_seconds() -> int:
    """Return for how many seconds Airflow does not store a DAG again, even if a parse finds a change."""
    return int(conf.getint("core", "min_serialized_dag_update_interval", fallback=30))


def stale_dag_seconds() -> int:
    """Return for how many seconds a DAG must be missing from parses until Airflow counts it as removed."""
    return int(conf.getint("dag_processor", "stale_dag_threshold", fallback=50))


class MetricsBackend(Enum):
    """Whether Airflow sends metrics, and whether a metric can have tags there."""

    OFF = "off"
    WITHOUT_TAGS = "without_tags"
    WITH_TAGS = "with_tags"


def metrics_backend() -> MetricsBackend:
    """Return where Airflow sends metrics; of several in the section ``[metrics]``, Airflow takes the first of these."""

    def is_on(option: str) -> bool:
        return bool(conf.getboolean("metrics", option, fallback=False))

    if is_on("statsd_datadog_enabled"):
        return MetricsBackend.WITH_TAGS
    if is_on("statsd_on"):
        return MetricsBackend.WITH_TAGS if is_on("statsd_influxdb_enabled") else MetricsBackend.WITHOUT_TAGS
    return MetricsBackend.WITH_TAGS if is_on("otel_on") else MetricsBackend.OFF


def database() -> str:
    """Return the SQLAlchemy URL of Airflow's database. It may hold a password."""
    return str(conf.get("database", "sql_alchemy_conn", fallback=""))


def api_url() -> str:
    """Return the address of Airflow's API server, on this machine where no other is set; without a slash at its end."""
    return base_url().rstrip("/") or f"http://localhost:{conf.getint('api', 'port', fallback=8080)}"


def option(section: str, name: str) -> str:
    """Return the value of any option as a text, empty where it has none."""
    # Airflow 3.1 loads providers' defaults only in processes that its command line starts.
    default = OPTIONS[name]["default"] if section == SECTION and name in OPTIONS else None
    return str(conf.get(section, name, fallback=default or "") or "").strip()


def number(section: str, name: str) -> float | None:
    """Return the value of an option that is a number, None where it is not."""
    try:
        return float(option(section, name))
    except ValueError:
        return None
