"""What Airflow knows of the pipelines that are moved, by its database and by what is installed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from dag_factory.cli.database import has_database

# Databases take only so many parameters at once.
_MOST_IDS = 500


@dataclass
class History:
    """
    What Airflow's database has of some DAGs.

    :param dags: how many of them it knows
    :param paused: how many of these are paused
    :param runs: how many runs they have
    :param of_airflow_2: how many of these are from before Airflow 3, which notes a DAG's version with each
    :param unfinished: how many are queued or running
    """

    dags: int = 0
    paused: int = 0
    runs: int = 0
    of_airflow_2: int = 0
    unfinished: int = 0


def plugin_version() -> str | None:
    """Return the version of openmetadata-managed-apis that is installed here, None where there is none."""
    with suppress(PackageNotFoundError):
        return version("openmetadata-managed-apis")
    return None


def history(dag_ids: Sequence[str]) -> History | None:
    """Return what Airflow's database has of some DAGs, None where it can't be asked."""
    if not has_database():
        return None
    from airflow.models.dag import DagModel
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from sqlalchemy import case, func, select
    from sqlalchemy.exc import SQLAlchemyError

    found = History()
    old, open_ = DagRun.created_dag_version_id.is_(None), DagRun.state.in_([DagRunState.QUEUED, DagRunState.RUNNING])
    runs = select(func.count(), func.sum(case((old, 1), else_=0)), func.sum(case((open_, 1), else_=0)))
    dags = select(func.count(), func.sum(case((DagModel.is_paused.is_(True), 1), else_=0)))
    try:
        with create_session() as session:
            for some in _portions(dag_ids):
                known, paused = session.execute(dags.where(DagModel.dag_id.in_(some))).one()
                count, of_airflow_2, unfinished = session.execute(runs.where(DagRun.dag_id.in_(some))).one()
                found.dags += known
                found.paused += paused or 0
                found.runs += count
                found.of_airflow_2 += of_airflow_2 or 0
                found.unfinished += unfinished or 0
    except SQLAlchemyError:
        return None
    return found


def waiting(dag_ids: Sequence[str], outdated: Collection[tuple[str, str]]) -> int:
    """
    Return how many of Airflow's DAGs no loader makes yet: they are stale, or made by a file that is outdated.

    :param outdated: files as Airflow knows them: bundle, and path in it
    """
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    columns = select(DagModel.is_stale, DagModel.bundle_name, DagModel.relative_fileloc)
    with create_session() as session:
        return sum(
            bool(is_stale) or (bundle, path) in outdated
            for some in _portions(dag_ids)
            for is_stale, bundle, path in session.execute(columns.where(DagModel.dag_id.in_(some)))
        )


def _portions(dag_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (dag_ids[first : first + _MOST_IDS] for first in range(0, len(dag_ids), _MOST_IDS))
