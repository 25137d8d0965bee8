"""What the checks look at, each opened once: the store, what this machine knows of it, Airflow's database."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dag_factory import settings
from dag_factory.api_server.watch.loader_files import LoaderFile, LoaderFiles
from dag_factory.cli.checks.check import within
from dag_factory.settings import airflow_settings
from dag_factory.store import ConfigStore, configured_index, configured_memory, configured_store
from dag_factory.store.config_files import is_defaults
from dag_factory.store.index import Index
from dag_factory.store.memory import Memory
from dag_factory.store.shards import Shard

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

Answer = TypeVar("Answer")

DATABASE_SECONDS = 5.0


class NoDatabaseError(Exception):
    """Airflow's database can't be asked; the text says why."""


class Site:
    """An installation, as this machine sees it. Each property may raise what opening it raises."""

    @cached_property
    def store(self) -> ConfigStore:
        """The config store."""
        return configured_store()

    @cached_property
    def pipelines(self) -> int:
        """How many configs the store has."""
        return sum(not is_defaults(key) for key in self.store.list_keys())

    @cached_property
    def memory(self) -> Memory | None:
        """What this machine remembers of the store."""
        return configured_memory(settings.config_store())

    @cached_property
    def index(self) -> Index | None:
        """What this machine has found in the store."""
        return configured_index(settings.config_store())

    @cached_property
    def loader_files(self) -> LoaderFiles:
        """The loader files, as this machine's settings, its DAGs folder and Airflow's database have them."""
        files = LoaderFiles(lambda: self.store, airflow_settings.dags_folder())
        if self.database_problem is None:
            files.find(self.made_by)
        return files

    @cached_property
    def shards(self) -> list[Shard]:
        """All shards that the loaders build."""
        return self.loader_files.shards(None)

    @cached_property
    def made_by(self) -> list[tuple[str, LoaderFile]]:
        """A DAG of each file that makes our DAGs, with the file."""
        from dag_factory.api_server.watch.parse_requests import tagged_dags

        return self.ask(lambda _: tagged_dags())

    @cached_property
    def database_problem(self) -> str | None:
        """Why Airflow's database can't be asked, None where it can."""
        from sqlalchemy.exc import SQLAlchemyError

        try:
            return within(DATABASE_SECONDS, _database_problem)
        except TimeoutError:
            return f"it has not answered within {DATABASE_SECONDS:.0f} s"
        except SQLAlchemyError as error:
            return f"it can't be reached ({type(error).__name__})"

    def ask(self, question: Callable[[Session], Answer]) -> Answer:
        """
        Return the answer of Airflow's database.

        :raises NoDatabaseError: where it can't be asked
        """
        from airflow.utils.session import create_session
        from sqlalchemy.exc import SQLAlchemyError

        if self.database_problem is not None:
            raise NoDatabaseError(self.database_problem)
        try:
            with create_session() as session:
                return question(session)
        except SQLAlchemyError as error:
            raise NoDatabaseError(f"it can't be read ({type(error).__name__})") from None


def _database_problem() -> str | None:
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import inspect, make_url

    # SQLite would make the file.
    url = make_url(airflow_settings.database())
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        return f"its file '{url.database}' is missing"
    with create_session() as session:
        has_tables = inspect(session.connection()).has_table(DagModel.__tablename__)
    return None if has_tables else "it has no tables of Airflow"
