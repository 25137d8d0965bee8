"""``detach``: makes the DAGs that Airflow has stored readable without this package, before it is uninstalled."""

from __future__ import annotations

import argparse
import json
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from dag_factory.cli.database import use_database
from dag_factory.cli.exits import command
from dag_factory.cli.output import count_of
from dag_factory.errors import LoaderError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_PACKAGE = "dag_factory."
# Airflow's own, which starts no runs.
_TIMETABLE = {"__type": "airflow.timetables.simple.NullTimetable", "__var": {}}
# Equals no DAG's hash, so that a parse stores the DAG again once this package is back.
_NO_HASH = "detached"
# Of about 20 KB each.
_AT_ONCE = 200


class Detached(NamedTuple):
    """How many versions of how many DAGs were made readable."""

    dags: int
    versions: int


@command
def detach(args: argparse.Namespace) -> None:
    """
    Store the DAGs in a form that needs nothing of this package, and print how many there were.

    :raises LoaderError: where Airflow still parses some, so that it would store them as before, or where its database
        can't be used
    """
    use_database()
    from airflow.utils.session import create_session
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_session() as session:
            found = detach_dags(session, is_dry=args.dry_run)
    except SQLAlchemyError as error:
        raise LoaderError(
            f"Airflow's database can't be read or changed: {type(error).__name__}. Run this where Airflow's scheduler "
            "or API server runs, with the same AIRFLOW_HOME and [database] sql_alchemy_conn"
        ) from None
    done = "Would be made readable" if args.dry_run else "Made readable"
    print(f"{done} without this package: {count_of(found.versions, 'version')} of {count_of(found.dags, 'DAG')}.")


def detach_dags(session: Session, *, is_dry: bool = False) -> Detached:
    """
    Replace our timetables with one of Airflow's in all stored versions of DAGs.

    Without this package Airflow can't read ours: its API server would answer requests for these DAGs with errors.

    :param is_dry: only count them
    :raises LoaderError: where one of the DAGs is not stale
    """
    from airflow.models.serialized_dag import SerializedDagModel
    from sqlalchemy import select, update

    table = SerializedDagModel.__table__
    active = _active(session)
    ids = session.execute(select(table.c.id, table.c.dag_id)).all()
    changed: list[dict[str, Any]] = []
    dags: set[str] = set()
    versions = 0
    for some in _portions([id_ for id_, _ in ids]):
        changed.clear()
        for id_, dag_id, plain, packed in session.execute(
            select(table.c.id, table.c.dag_id, table.c.data, table.c.data_compressed).where(table.c.id.in_(some))
        ):
            data = json.loads(zlib.decompress(packed)) if packed else plain
            if not _is_ours(data):
                continue
            if dag_id in active:
                raise LoaderError(
                    f"DAG '{dag_id}' is still parsed, so Airflow would store it again as it was. Remove the loaders, "
                    "or our bundles, wait until the DAGs are gone from Airflow's list (within five minutes), and run "
                    "this again"
                )
            data["dag"]["timetable"] = _TIMETABLE
            as_it_was_kept = {"data_compressed": zlib.compress(json.dumps(data).encode())} if packed else {"data": data}
            changed.append({"id": id_, **as_it_was_kept})
            dags.add(dag_id)
        versions += len(changed)
        for each in [] if is_dry else changed:
            values = {name: value for name, value in each.items() if name != "id"}
            session.execute(update(table).where(table.c.id == each["id"]).values(dag_hash=_NO_HASH, **values))
    return Detached(len(dags), versions)


def _active(session: Session) -> set[str]:
    """Return the ids of all DAGs that Airflow still parses."""
    from airflow.models.dag import DagModel
    from sqlalchemy import select

    return set(session.scalars(select(DagModel.dag_id).where(DagModel.is_stale.is_(False))))


def _is_ours(data: Any) -> bool:
    dag = data.get("dag") if isinstance(data, dict) else None
    timetable = dag.get("timetable") if isinstance(dag, dict) else None
    return isinstance(timetable, dict) and str(timetable.get("__type")).startswith(_PACKAGE)


def _portions(ids: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]
