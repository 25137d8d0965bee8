"""The pipelines that a user may see, as far as they are counted, read from Airflow's database at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from dag_factory.api_server.api.answers import Refused
from dag_factory.dag.tags import LAST_GOOD_TAG, PROBLEM_TAG, SERVICE_PREFIX, TAG, TYPE_PREFIX, WARNING_TAG

if TYPE_CHECKING:
    from sqlalchemy import Select


class Standing(NamedTuple):
    """
    A pipeline, as far as it is counted.

    :param last: state of its last run, None without a run
    :param tags: those that say its state, its type and its service
    """

    paused: bool
    last: str | None
    tags: set[str]


class Visible(NamedTuple):
    """The pipelines that a user may see, and whether there are others."""

    pipelines: list[Standing]
    are_all: bool


def visible_to(user: Any) -> Visible:
    """
    Return the pipelines that a user may see.

    Airflow's API has no route that counts: it would be asked for a list once for each count, and each time it looks up
    which of all DAGs the user may see, and names these in its query. So what its list asks of the auth manager is asked
    here, once, and the database is read without naming DAGs.

    :param user: as Airflow's auth manager knows them
    :raises Refused: 403, where the user may not read DAGs
    """
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
    from airflow.utils.session import create_session

    manager = get_auth_manager()
    if not manager.is_authorized_dag(method="GET", details=DagDetails(), user=user):
        raise Refused(403, "The user lacks Airflow's permission to read DAGs. Ask Airflow's operator for it.")
    visible = manager.get_authorized_dag_ids(user=user)
    with create_session() as session:
        rows = session.execute(_pipelines()).all()
        found = {dag_id: Standing(is_paused, last, set()) for dag_id, is_paused, last in rows if dag_id in visible}
        for dag_id, tag in session.execute(_tags()):
            if dag_id in found:
                found[dag_id].tags.add(tag)
    return Visible(list(found.values()), are_all=len(found) == len(rows))


def _pipelines() -> Select[tuple[str, bool, str | None]]:
    """Return the query for all pipelines with the state of their last run: the newest, as in Airflow's list of DAGs."""
    from airflow.models import DagModel
    from airflow.models.dag import DagTag
    from airflow.models.dagrun import DagRun
    from sqlalchemy import and_, func, select

    newest = select(DagRun.dag_id, func.max(DagRun.id).label("id")).group_by(DagRun.dag_id).subquery()
    return (
        select(DagModel.dag_id, DagModel.is_paused, DagRun.state)
        .join(DagTag, and_(DagTag.dag_id == DagModel.dag_id, DagTag.name == TAG))
        .outerjoin(newest, newest.c.dag_id == DagModel.dag_id)
        .outerjoin(DagRun, DagRun.id == newest.c.id)
        .where(DagModel.is_stale.is_(False))
    )


def _tags() -> Select[tuple[str, str]]:
    """Return the query for the tags that count, of all DAGs that have some."""
    from airflow.models.dag import DagTag
    from sqlalchemy import or_, select

    return select(DagTag.dag_id, DagTag.name).where(
        or_(
            DagTag.name.in_([PROBLEM_TAG, LAST_GOOD_TAG, WARNING_TAG]),
            DagTag.name.startswith(TYPE_PREFIX),
            DagTag.name.startswith(SERVICE_PREFIX),
        )
    )
