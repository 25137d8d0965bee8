"""The call for the log of a pipeline's run, page by page."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from dag_factory.api_server.api.answers import Refused, refusals
from dag_factory.api_server.api.application import Application
from dag_factory.api_server.api.dependencies import ApplicationDep, CallerDep
from dag_factory.api_server.api.log_pages import page_of
from dag_factory.api_server.api.pipeline_lookup import NameParameter, find_pipeline, unknown
from dag_factory.api_server.api.rest import Caller, dag_path
from dag_factory.api_server.api.run_list import RunIdParameter, checked_run_id, find_run, find_runs
from dag_factory.settings.airflow_versions import started_runs

router = APIRouter()

# In these states, a task has no log yet.
_NOT_STARTED = frozenset({None, "none", "scheduled", "queued"})
_PASSED_OVER = frozenset({"skipped", "upstream_failed", "removed"})


@router.get("/last_dag_logs", responses=refusals(400, 401, 403, 404, 500, 503))
async def last_dag_logs(  # noqa: PLR0913, PLR0917 - the parameters of the call
    name: NameParameter,
    caller: CallerDep,
    application: ApplicationDep,
    task_id: Annotated[str, Query(max_length=250)],
    # Older servers send nothing in it for the first page.
    after: Annotated[Annotated[int, Field(ge=0, le=10**9)] | Literal[""], Query()] = 0,
    wanted: RunIdParameter = None,
) -> dict[str, Any]:
    """
    Return one page of the log of a task's last try in the last run that has started, even while it runs.

    With a ``run_id``, Airflow's or the one that the run reports under, it is the log of that run. Pages are counted
    from 0 and hold about a megabyte of whole lines each; ``total`` is their number now, and ``after`` the number of the
    next. Each page but the last ends with a line end.
    """
    dag_id = await find_pipeline(application, caller, name, "GET", run=True)
    number = after or 0
    run = await _run(application, caller, dag_id, checked_run_id(wanted))
    if run is None:
        return {task_id: "No run has started yet.", "total": 1}
    run_id = run["dag_run_id"]
    task = await _task(caller, dag_id, run_id, task_id)
    if task is None or task["state"] in _NOT_STARTED:
        return {task_id: "The task has not started yet.", "total": 1}
    if _was_passed_over(task):
        return {task_id: "The task was ended before it started, so it has no log.", "total": 1}
    path = dag_path(dag_id, "dagRuns", run_id, "taskInstances", task["task_id"], "logs", str(task["try_number"]))
    pager = await page_of(caller, path, number)
    if number >= pager.total:
        raise Refused(404, f"The parameter 'after' is too large: the log has {pager.total} pages, counted from 0.")
    following = {"after": number + 1} if number + 1 < pager.total else {}
    return {task_id: pager.text, "total": pager.total, **following}


async def _run(application: Application, caller: Caller, dag_id: str, run_id: str | None) -> dict[str, Any] | None:
    """Return the requested run, or else the last one that has started; None where none has."""
    if run_id is not None:
        return await find_run(caller, dag_id, run_id)
    # PostgreSQL sorts runs without a start first, and Airflow's filters of dates let them pass: those that are queued
    # have none, nor have those that were ended before they started, which have no duration either.
    last = {"order_by": "-start_date", "limit": 1}
    running = await find_runs(caller, dag_id, state="running", **last)
    if running is None:
        if await application.store.lacks(dag_id):
            raise unknown(dag_id)
        return None
    ended = await find_runs(caller, dag_id, state=["success", "failed"], **started_runs(), **last) or []
    return max((run for run in [*running, *ended] if run["start_date"]), key=_start, default=None)


def _start(run: dict[str, Any]) -> datetime:
    # Python 3.10 does not know the Z.
    return datetime.fromisoformat(run["start_date"].replace("Z", "+00:00"))


async def _task(caller: Caller, dag_id: str, run_id: str, task_id: str) -> dict[str, Any] | None:
    """Return the requested task of a run, or the only other task that the run has, such as a placeholder's."""
    answer = await caller.ask("GET", dag_path(dag_id, "dagRuns", run_id, "taskInstances"))
    tasks: list[dict[str, Any]] = answer["task_instances"]
    named = [task for task in tasks if task["task_id"] == task_id]
    if not named and len(tasks) != 1:
        return None
    return (named or tasks)[0]


def _was_passed_over(task: dict[str, Any]) -> bool:
    """Return whether a task has ended without being started by a worker; what Airflow answers then is not a log."""
    return not task["try_number"] or (task["state"] in _PASSED_OVER and not task["hostname"])
