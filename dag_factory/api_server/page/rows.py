"""A pipeline as a row of the page, made from what Airflow says of its DAG and of the DAG's runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypedDict
from urllib.parse import quote

from dag_factory.api_server.page.listing import Dag, tags
from dag_factory.api_server.page.runs import Run
from dag_factory.dag.descriptions import read
from dag_factory.dag.tags import LAST_GOOD_TAG, PROBLEM_TAG, SERVICE_PREFIX, TAG, TYPE_PREFIX, WARNING_TAG
from dag_factory.portable.openmetadata.pipeline_types import PIPELINE_TYPES
from dag_factory.reporting.run_note import read_note


class Row(TypedDict):
    """What the page shows of a pipeline; None where it is unknown."""

    dag_id: str
    name: str
    state: str
    problem: dict[str, Any] | None
    warnings: list[dict[str, Any]]
    type: str | None
    service: dict[str, str | None] | None
    schedule: str
    next_run: str | None
    paused: bool
    last_run: dict[str, Any] | None
    history: list[dict[str, Any]]
    config: dict[str, Any] | None
    owners: list[str]
    links: dict[str, str | None]
    may: dict[str, bool | None]


def is_ours(dag: Dag) -> bool:
    """Return whether a DAG is a pipeline's."""
    return TAG in tags(dag)


def row(dag: Dag, runs: Sequence[Run]) -> Row:
    """
    Return a pipeline's row, without what only other places know: `config` has what its last run has used.

    :param dag: as Airflow lists it
    :param runs: its last runs, the newest last
    """
    named = tags(dag)
    said = read(dag["description"])
    problem = said._asdict() if said is not None else None
    is_wrong = PROBLEM_TAG in named
    last = runs[-1] if runs else None
    kind, service = _after(TYPE_PREFIX, named), _after(SERVICE_PREFIX, named)
    return Row(
        dag_id=dag["dag_id"],
        name=dag["dag_display_name"],
        state=_state(named),
        problem=problem if is_wrong else None,
        warnings=[problem] if problem is not None and WARNING_TAG in named and not is_wrong else [],
        type=kind,
        service={"type": None, "name": service} if service else None,
        schedule=_schedule(dag["timetable_description"]),
        next_run=dag["next_dagrun_run_after"] if not dag["is_paused"] else None,
        paused=dag["is_paused"],
        last_run=_last_run(last) if last is not None else None,
        history=[
            {"run_id": run["dag_run_id"], "state": run["state"], "start": run["start_date"] or run["run_after"]}
            for run in runs
        ],
        config=_config(runs),
        owners=[owner for owner in dag["owners"] if owner],
        links={"dag": _dag_link(dag["dag_id"]), "log": _log_link(last, kind) if last else None, "openmetadata": None},
        may={"trigger": None, "edit": None},
    )


def _schedule(description: str | None) -> str:
    # So Airflow describes a DAG without a schedule.
    if not description or description == "Never, external triggers only":
        return "on demand"
    return description


def _state(named: set[str]) -> str:
    if PROBLEM_TAG not in named:
        return "good"
    return "last_good" if LAST_GOOD_TAG in named else "broken"


def _after(prefix: str, named: set[str]) -> str | None:
    return next((tag.removeprefix(prefix) for tag in sorted(named) if tag.startswith(prefix)), None)


def _last_run(run: Run) -> dict[str, Any]:
    counts = read_note(run["note"])
    return {
        "run_id": run["dag_run_id"],
        "state": run["state"],
        "start": run["start_date"],
        "end": run["end_date"],
        "seconds": _seconds(run["start_date"], run["end_date"]),
        "records": counts.get("records"),
        "warnings": counts.get("warnings"),
        "errors": counts.get("errors"),
        # A run that is being retried still has the reason of its failed try.
        "reason": counts.get("reason") if run["state"] == "failed" else None,
    }


def _config(runs: Sequence[Run]) -> dict[str, Any] | None:
    """Return which config the last run that noted one has used."""
    for run in reversed(runs):
        noted = read_note(run["note"])
        if "key" in noted:
            return {"key": noted["key"], "version": noted.get("version"), "changed_at": None}
    return None


def _seconds(start: str | None, end: str | None) -> float | None:
    if start is None or end is None:
        return None
    return max(0.0, round((_moment(end) - _moment(start)).total_seconds(), 1))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _dag_link(dag_id: str) -> str:
    # Relative to the page, so that it holds for an Airflow below a path too.
    return "/".join(["..", "dags", quote(dag_id, safe="")])


def _log_link(run: Run, kind: str | None) -> str:
    link = f"{_dag_link(run['dag_id'])}/runs/{quote(run['dag_run_id'], safe='')}"
    return f"{link}/tasks/{PIPELINE_TYPES[kind].task_id}" if kind in PIPELINE_TYPES else link
