"""An Airflow home for a benchmark: configuration, and a database where one is needed; no process of Airflow runs."""

from __future__ import annotations

from pathlib import Path

from benchmarks.configs import LOADER
from sandbox.stack import AirflowStack, child_environment

# Settings of ours, as environment variables.
STORE = "AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE"
STATE = "AIRFLOW__OPENMETADATA_DAG_FACTORY__STATE_FOLDER"


def airflow_home(
    folder: Path, *, database: str | None = None, migrate: bool = False, store: Path | None = None
) -> dict[str, str]:
    """
    Make an Airflow home and return the environment of processes that use it.

    :param database: SQLAlchemy URL; a SQLite file in the folder where there is none
    :param migrate: whether to make the database's tables
    :param store: folder of the configs
    """
    config: dict[str, dict[str, object]] = {
        # By default, Airflow does not compare a DAG that it stored less than 30 s ago. However long a load takes on a
        # busy machine, it must not be ended, or leave out what is new.
        "core": {"min_serialized_dag_update_interval": 0, "dagbag_import_timeout": 3600},
        "dag_processor": {"dag_file_processor_timeout": 7200},
        "logging": {"logging_level": "WARNING"},
        "openmetadata_dag_factory": {"config_store": store or folder / "configs"},
    }
    stack = AirflowStack(folder, dags_folder=LOADER.parent, database=database, config=config)
    try:
        stack.prepare()
        if migrate:
            stack.migrate()
    finally:
        stack.stop()
    return child_environment({"AIRFLOW_HOME": str(folder.resolve())})
