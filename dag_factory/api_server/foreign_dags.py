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
    Return whether Airflow has a DAG of an id that is not a pipeline's; False where its database can't be read.

    :param or_stale: whether one counts that its file no longer returns; one whose file has an error counts always
    """
    from airflow.models.dag import DagModel

    return bool(_ids(_foreign(or_stale=or_stale).where(DagModel.dag_id == dag_id)))


def foreign_dag_ids() -> frozenset[str] | None:
    """Return the ids that no new pipeline may have, those of DAGs that are not pipelines'; None where it is unknown."""
    return _ids(_foreign(or_stale=False))


def _foreign(*, or_stale: bool) -> Select[tuple[str]]:
    from airflow.models.dag import DagModel, DagTag
    from airflow.models.errors import ParseImportError
    from sqlalchemy import exists, or_, select

    found = select(DagModel.dag_id).where(~DagModel.tags.any(DagTag.name == TAG))
    if or_stale:
        return found
    # The DAG of a file with an error is stale, and comes back once its author has mended the file.
    is_broken = exists().where(
        ParseImportError.bundle_name == DagModel.bundle_name, ParseImportError.filename == DagModel.relative_fileloc
    )
    return found.where(or_(~DagModel.is_stale, is_broken))


def _ids(found: Select[tuple[str]]) -> frozenset[str] | None:
    from airflow.utils.session import create_session
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_session() as session:
            return frozenset(session.scalars(found))
    except SQLAlchemyError as error:
        log.debug("Airflow's database can't be read: %s", type(error).__name__)
        return None
