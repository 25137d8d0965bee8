"""An Airflow's database for a benchmark, on SQLite or PostgreSQL, into which DAGs are written as its processor does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.home import airflow_home
from sandbox.postgres import PostgresServer

if TYPE_CHECKING:
    from airflow.serialization.serialized_objects import LazyDeserializedDAG

DATABASES = "SQLite,PostgreSQL"

BUNDLE = "benchmark"


@contextmanager
def airflow_on(database: str, fill: Callable[[Path], None]) -> Iterator[dict[str, str]]:
    """
    Yield the environment of an Airflow with a database and a config store, for as long as the context lasts.

    :param database: one of `DATABASES`
    :param fill: writes configs into the store's folder
    """
    with TemporaryDirectory() as folder, ExitStack() as stack:
        url = stack.enter_context(PostgresServer()).url() if database == "PostgreSQL" else None
        store = Path(folder, "configs")
        fill(store)
        yield airflow_home(Path(folder, "airflow"), database=url, migrate=True, store=store)


def add_bundle() -> None:
    """Make the DAG bundle whose DAGs are written."""
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.session import create_session

    with create_session() as session:
        session.add(DagBundleModel(name=BUNDLE))


def arrived(texts: Iterable[str]) -> list[LazyDeserializedDAG]:
    """Return DAGs as the DAG processor has them when the child that has parsed them has sent these texts."""
    from airflow.serialization.serialized_objects import LazyDeserializedDAG

    return [LazyDeserializedDAG(data=json.loads(text)) for text in texts]


def write_dags(dags: Sequence[LazyDeserializedDAG]) -> None:
    """Write DAGs into the database."""
    from airflow.dag_processing.collection import update_dag_parsing_results_in_db
    from airflow.utils.session import create_session

    with create_session() as session:
        update_dag_parsing_results_in_db(BUNDLE, None, dags, {}, None, set(), session)
