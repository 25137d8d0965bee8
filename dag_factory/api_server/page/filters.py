"""Which pipelines does a user ask for? The page's filters, as questions to Airflow's list of DAGs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from dag_factory.dag.tags import LAST_GOOD_TAG, PROBLEM_TAG, SERVICE_PREFIX, TAG, TYPE_PREFIX, WARNING_TAG

State = Literal["good", "last_good", "broken", "warnings"]
LastRun = Literal["success", "failed", "running", "queued", "none"]

Parameters = dict[str, Any]
"""Query parameters of Airflow's list of DAGs."""

# Every run has started after it. Airflow leaves out DAGs whose last run has not started.
_STARTED: Parameters = {"dag_run_start_date_gte": "1970-01-01T00:00:00Z"}


class Filter(BaseModel):
    """
    Which pipelines to list, count or act on; None for no restriction.

    :param state: of the config. ``warnings`` are good ones that are doubtful
    :param last: state of the last run, ``none`` where there is none
    :param q: a part of the title, or of the DAG id where no title has it
    """

    model_config = ConfigDict(extra="forbid")

    state: State | None = None
    last: LastRun | None = None
    paused: bool | None = None
    type: str | None = Field(None, max_length=100)
    service: str | None = Field(None, max_length=300)
    q: str | None = Field(None, max_length=300)


class Part(NamedTuple):
    """A question to Airflow's list, whose number of DAGs is added or (-1) subtracted."""

    sign: int
    parameters: Parameters


# Airflow can't be asked for DAGs without a tag, or without a run: they are all but those that have one.
_TAGS: dict[State | None, list[tuple[int, str | None]]] = {
    None: [(1, None)],
    "good": [(1, None), (-1, PROBLEM_TAG)],
    "last_good": [(1, LAST_GOOD_TAG)],
    "broken": [(1, PROBLEM_TAG), (-1, LAST_GOOD_TAG)],
    "warnings": [(1, WARNING_TAG)],
}


def parts(wanted: Filter, *, by_id: bool = False) -> list[Part]:
    """
    Return the questions whose totals add up to the number of pipelines of a filter. The first lists all of them.

    :param by_id: whether to look for ``q`` in DAG ids, rather than in titles
    """
    shared = _shared(wanted, by_id=by_id)
    found = []
    for (sign, tag), (factor, runs) in product(_TAGS[wanted.state], _runs(wanted.last)):
        tags = [*shared["tags"], *([tag] if tag else [])]
        found.append(Part(sign * factor, {**shared, "tags": tags, **runs}))
    return found


def _shared(wanted: Filter, *, by_id: bool) -> Parameters:
    tags = [TAG]
    tags += [f"{TYPE_PREFIX}{wanted.type}"] if wanted.type else []
    tags += [f"{SERVICE_PREFIX}{wanted.service}"] if wanted.service else []
    found: Parameters = {"tags": tags, "tags_match_mode": "all"}
    if wanted.paused is not None:
        found["paused"] = wanted.paused
    if wanted.q:
        found["dag_id_pattern" if by_id else "dag_display_name_pattern"] = wanted.q
    return found


def _runs(last: LastRun | None) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if last not in (None, "none"):
        yield 1, {"last_dag_run_state": last}
        return
    yield 1, {}
    if last == "none":
        yield -1, _STARTED
        yield -1, {"last_dag_run_state": "queued"}


def started(parameters: Parameters) -> Parameters:
    """Return the question, limited to DAGs whose last run has started."""
    return {**parameters, **_STARTED}


def fits(wanted: Filter, tags: set[str]) -> bool:
    """Return whether a DAG with these tags, from the answer to the first of the `parts`, has the filter's state."""
    return {"good": PROBLEM_TAG, "broken": LAST_GOOD_TAG}.get(wanted.state or "", "") not in tags
