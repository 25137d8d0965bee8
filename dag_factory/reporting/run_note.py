"""The note on each run in Airflow: which version of its config it has used."""

from __future__ import annotations

from typing import Any

from dag_factory.store.config_version import CONFIG_XCOM, version_text


def note_version(dag_id: str, run_id: str) -> None:
    """
    Write the version of the config that a run's task has used into the run's note, unless it has one.

    For the scheduler and the API server. A task can't write notes: it has no access to Airflow's database, and its API
    has no call for them.
    """
    from airflow.models import DagRun
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        run = session.scalar(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
        if run is None or run.note:
            return
        said = session.scalars(
            select(XComModel).where(
                XComModel.dag_id == dag_id, XComModel.run_id == run_id, XComModel.key == CONFIG_XCOM
            )
        ).first()
        version = XComModel.deserialize_value(said) if said is not None else None
        if isinstance(version, dict):
            run.note = version_note(version)


def version_note(version: dict[str, Any]) -> str:
    """Return the text of a note."""
    return f"Config {version.get('key')}, {version_text(version)}"
