"""Whether a command uses Airflow's database, and has Airflow set itself up for that."""

from __future__ import annotations

import os
from pathlib import Path

# Where it is set, Airflow looks for Connections in its database too. Its components set it for themselves, and so do
# its own commands that need one; in any other process, only the environment and the secrets backends are asked.
_CONTEXT = "_AIRFLOW_PROCESS_CONTEXT"
# Where it is set, importing Airflow sets up neither its logging nor its database, which takes half of a second.
_AS_LIBRARY = "_AIRFLOW__AS_LIBRARY"
_OURS = "openmetadata-dag-factory"


def do_without_airflow() -> None:
    """Have Airflow set up neither logging nor database when it is imported."""
    os.environ.setdefault(_AS_LIBRARY, _OURS)


def use_database() -> None:
    """Let this process find the Connections of Airflow's database: a config store may need one."""
    os.environ.setdefault(_CONTEXT, "server")
    if os.environ.get(_AS_LIBRARY) == _OURS:
        del os.environ[_AS_LIBRARY]
        from airflow import settings

        settings.initialize()


def has_database() -> bool:
    """Return whether Airflow has a database: asking SQLite for one that is missing would make it."""
    from airflow.configuration import conf
    from sqlalchemy.engine import make_url

    url = make_url(conf.get("database", "sql_alchemy_conn"))
    return url.get_backend_name() != "sqlite" or Path(url.database or "").is_file()
