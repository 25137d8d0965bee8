"""DAGs of Airflow that are not of pipelines: a pipeline's name may be the id of one."""

from __future__ import annotations

import logging

from dag_factory.dag.tags import TAG

log = logging.getLogger(__name__)


def has_foreign_dag(dag_id: str, *, or_stale: bool = True) -> bool:
    """
    Return whether Airflow has a DAG of an id that is not a pipeline's; False where its database can't be reached.

    :param or_stale: whether one counts that its file no longer returns
    """
    from airflow.models.dag import DagModel, DagTag
    from airflow.utils.session import create_session
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError

    found = select(DagModel.dag_id).where(DagModel.dag_id == dag_id, ~DagModel.tags.any(DagTag.name == TAG))
    if not or_stale:
        found = found.where(~DagModel.is_stale)
    try:
        with create_session() as session:
            return session.scalar(found) is not None
    except SQLAlchemyError as error:
        log.debug("Airflow's database can't be read: %s", type(error).__name__)
        return False
