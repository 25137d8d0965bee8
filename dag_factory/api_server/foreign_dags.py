"""DAGs of Airflow that are not of pipelines: a pipeline's name may be the id of one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from dag_factory.dag.tags import TAG

if TYPE_CHECKING:
    from sqlalchemy import Select

log = logging.getLogger(__name__)


def has_foreign_dag(dag_id: str, *, or_stale: bool = True) -> bool:
    """
    Return whether Airflow has a DAG of an id that is not a pipeline's; False where its database can't be reached.

    :param or_stale: whether one counts that its file no longer returns
    """
    from airflow.models.dag import DagModel

    found = _foreign(or_stale=or_stale).where(DagModel.dag_id == dag_id)
    return bool(_ids(found))


def foreign_dag_ids() -> frozenset[str]:
    """Return the ids of all DAGs that are not pipelines' and not stale; none where the database can't be reached."""
    return _ids(_foreign(or_stale=False))


def _foreign(*, or_stale: bool) -> Select[tuple[str]]:
    from airflow.models.dag import DagModel, DagTag
    from sqlalchemy import select

    found = select(DagModel.dag_id).where(~DagModel.tags.any(DagTag.name == TAG))
    return found if or_stale else found.where(~DagModel.is_stale)


def _ids(found: Select[tuple[str]]) -> frozenset[str]:
    from airflow.utils.session import create_session
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_session() as session:
            return frozenset(session.scalars(found))
    except SQLAlchemyError as error:
        log.debug("Airflow's database can't be read: %s", type(error).__name__)
        return frozenset()
