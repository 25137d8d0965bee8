"""Pausing, unpausing, triggering and retrying many pipelines at once, each by Airflow's own API as the user."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from dag_factory.api_server.api.answers import Refused
from dag_factory.api_server.api.rest import Caller, dag_path
from dag_factory.api_server.page.filters import Filter, parts
from dag_factory.api_server.page.listing import searches_ids
from dag_factory.api_server.page.runs import runs_of
from dag_factory.api_server.page.seconds import Budget
from dag_factory.api_server.page.visitor import Visitor
from dag_factory.settings.airflow_versions import MOST_CHANGED_AT_ONCE

Action = Literal["pause", "unpause", "trigger", "retry"]

# How many of the concurrent requests to Airflow (`AT_ONCE` of `dag_factory.api_server.api.rest`) the page takes. The
# rest is for deploys.
_AT_ONCE = 2
# How many are begun together. Once the time is over, no more are begun.
_PORTION = 20


@dataclass
class Done:
    """
    What has become of an action.

    :param refused: for each pipeline that was left as it is, the reason
    :param left: the DAG ids for which there was no time
    """

    done: int = 0
    refused: list[dict[str, str]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


async def act(visitor: Caller, action: Action, dag_ids: Sequence[str], budget: Budget) -> Done:
    """
    Do something with pipelines, two at a time, until the budget is spent.

    A pipeline with which the user may not do it, or that is gone, is refused, and the others go on.

    :param dag_ids: each once
    """
    work = _WORK[action]
    found = Done()
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(dag_id: str) -> None:
        async with slots:
            try:
                await work(visitor, dag_id)
            except Refused as refusal:
                if refusal.status == 401:
                    raise  # the login has expired, so all others would be refused as well
                found.refused.append({"dag_id": dag_id, "reason": refusal.sentence})
            else:
                found.done += 1

    for start in range(0, len(dag_ids), _PORTION):
        if budget.is_spent:
            found.left = list(dag_ids[start:])
            break
        await asyncio.gather(*(one(dag_id) for dag_id in dag_ids[start : start + _PORTION]))
    return found


async def set_paused_by_filter(visitor: Visitor, wanted: Filter, paused: bool) -> Done | None:
    """
    Pause or unpause all pipelines of a filter that the user may edit, in one request, or in Airflow 3.1 by the hundred;
    None where Airflow's request lacks a parameter for the filter.

    Those that the user may not edit are left out silently: Airflow does not say which they are.
    """
    questions = parts(wanted, by_id=await searches_ids(visitor, wanted))
    parameters = questions[0].parameters
    if wanted.last is not None or len(questions) > 1 or "dag_display_name_pattern" in parameters:
        return None
    if wanted.paused == paused:
        return Done()
    # Without a pattern, Airflow changes nothing.
    at_once = MOST_CHANGED_AT_ONCE
    window = {"dag_id_pattern": "~", **parameters, "paused": not paused, "limit": at_once or 1}
    done = before = 0
    while True:
        left = int((await visitor.ask("PATCH", "/dags", params=window, json={"is_paused": paused}))["total_entries"])
        done = done or left
        # What is changed no longer fits the filter, so the next ones are the first again.
        if at_once is None or left <= at_once or left == before:
            return Done(done=done)
        before = left


async def _pause(visitor: Caller, dag_id: str) -> None:
    await _set_paused(visitor, dag_id, True)


async def _unpause(visitor: Caller, dag_id: str) -> None:
    await _set_paused(visitor, dag_id, False)


async def _set_paused(visitor: Caller, dag_id: str, paused: bool) -> None:
    await visitor.ask("PATCH", dag_path(dag_id), json={"is_paused": paused}, missing=_gone(dag_id))


async def _trigger(visitor: Caller, dag_id: str) -> None:
    await visitor.ask("POST", dag_path(dag_id, "dagRuns"), json={"logical_date": None}, missing=_gone(dag_id))


async def _retry(visitor: Caller, dag_id: str) -> None:
    runs = await runs_of(visitor, dag_id, 1)
    if not runs or runs[-1]["state"] != "failed":
        raise Refused(409, "Its last run has not failed.")
    again = {"dry_run": False, "only_failed": True}
    await visitor.ask("POST", dag_path(dag_id, "dagRuns", runs[-1]["dag_run_id"], "clear"), json=again)


def _gone(dag_id: str) -> str:
    return f"Airflow has no DAG '{dag_id}' any more."


_WORK: Mapping[Action, Callable[[Caller, str], Awaitable[None]]] = {
    "pause": _pause,
    "unpause": _unpause,
    "trigger": _trigger,
    "retry": _retry,
}
