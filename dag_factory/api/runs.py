"""The calls about runs: trigger, kill, status, enable and disable."""

from __future__ import annotations

import asyncio
import re
import uuid
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any

import httpx
from fastapi import APIRouter, Query, Request

from dag_factory.api.answers import Refused, refusals
from dag_factory.api.calls import DAG_ID_BODY, NameParameter, body_schema, name_in, read_call
from dag_factory.api.context import CallerDep, Context, ContextDep, find_dag, unknown
from dag_factory.api.rest import Caller, dag_path, refused
from dag_factory.errors import ConfigError
from dag_factory.workflow.overrides import check_kinds
from dag_factory.workflow.run import openmetadata_run_id

router = APIRouter()

NEWEST = 10
ACTIVE = ("queued", "running")
MOST_AT_ONCE = 100
ROUNDS = 20
# Within that time Airflow's scheduler has done what it had begun when a run was ended.
SETTLE_SECONDS = 1.0

# What Airflow takes as a run's id, but for dots: two of them are a step up in a path.
_RUN_ID = re.compile(r"[A-Za-z0-9_.~:+-]{1,250}")

_TRIGGER = body_schema(dag_id={"type": "string", "description": "The pipeline's name"}, conf={"type": "object"})
_REFUSALS = refusals(400, 401, 403, 404, 413, 500, 503)


@router.post("/trigger", openapi_extra=_TRIGGER, responses={**_REFUSALS, **refusals(409, 422)})
async def trigger(
    request: Request,
    caller: CallerDep,
    context: ContextDep,
    run_id: Annotated[str | None, Query(max_length=250)] = None,
) -> dict[str, str]:
    """
    Start a run, with a ``conf`` for that run alone. A pipeline that was just deployed is waited for.

    The run's id is ``conf.pipelineRunId``, else the parameter ``run_id``, else Airflow's own. The run of a disabled
    pipeline is not lost: it is queued, and starts once the pipeline is enabled.
    """
    call = await read_call(request)
    name = name_in(call)
    conf = call.get("conf")
    if conf is not None and not isinstance(conf, dict):
        raise Refused(400, "The field 'conf' is no JSON object.")
    _check(conf or {})
    wanted = _wanted_run_id(conf or {}, run_id)
    dag_id = await context.pipeline(caller, name, "POST", run=True)
    dag = await context.dag(caller, dag_id)
    body = {"logical_date": None, "conf": conf or {}, **({"dag_run_id": wanted} if wanted else {})}
    run = await caller.ask("POST", dag_path(dag_id, "dagRuns"), json=body, missing=str(unknown(dag_id)))
    begins = (
        "is queued. The pipeline is disabled: the run starts once it is enabled." if dag["is_paused"] else "is queued."
    )
    return {"message": f"Run '{run['dag_run_id']}' of pipeline '{dag_id}' {begins}", "run_id": run["dag_run_id"]}


@router.post("/enable", openapi_extra=DAG_ID_BODY, responses=_REFUSALS)
async def enable(request: Request, caller: CallerDep, context: ContextDep) -> dict[str, str]:
    """Let a pipeline's schedule and its queued runs go on."""
    dag_id = await _set_paused(context, caller, name_in(await read_call(request)), False)
    return {"message": f"Pipeline '{dag_id}' is enabled."}


@router.post("/disable", openapi_extra=DAG_ID_BODY, responses=_REFUSALS)
async def disable(request: Request, caller: CallerDep, context: ContextDep) -> dict[str, str]:
    """Start no run of a pipeline any more; what runs goes on."""
    dag_id = await _set_paused(context, caller, name_in(await read_call(request)), True)
    return {"message": f"Pipeline '{dag_id}' is disabled."}


@router.post("/kill", openapi_extra=DAG_ID_BODY, responses=_REFUSALS)
async def kill(request: Request, caller: CallerDep, context: ContextDep) -> dict[str, str]:
    """End all runs of a pipeline that run or are queued; their tasks report that they have failed."""
    dag_id = await context.pipeline(caller, name_in(await read_call(request)), "PUT", run=True)
    ended = await end_runs(caller, dag_id)
    if not ended and await find_dag(caller, dag_id) is None and not await context.is_stored(dag_id):
        raise unknown(dag_id)
    return {"message": f"{len(ended)} run{'' if len(ended) == 1 else 's'} of pipeline '{dag_id}' ended."}


@router.get("/status", responses=refusals(400, 401, 403, 404, 422, 500, 503))
async def status(
    name: NameParameter, caller: CallerDep, context: ContextDep, only_queued: bool = False
) -> list[dict[str, Any]]:
    """Return the ten newest runs of a pipeline, or of those that are queued, newest first."""
    dag_id = await context.pipeline(caller, name, "GET", run=True)
    states = ["queued"] if only_queued else []
    runs = await find_runs(caller, dag_id, order_by="-run_after", limit=NEWEST, state=states)
    if runs is None:
        if not await context.is_stored(dag_id):
            raise unknown(dag_id)
        return []  # deployed, and not parsed yet
    return [_as_status(dag_id, run) for run in runs]


async def find_runs(caller: Caller, dag_id: str, **wanted: Any) -> list[dict[str, Any]] | None:
    """
    Return runs of a DAG, None without such a DAG.

    :param wanted: which of them, in which order, as parameters of Airflow's own list
    """
    answer = await caller.send("GET", dag_path(dag_id, "dagRuns"), params=wanted)
    if answer.status_code == httpx.codes.NOT_FOUND:
        return None
    if answer.is_error:
        raise refused(answer)
    runs: list[dict[str, Any]] = answer.json()["dag_runs"]
    return runs


async def active_runs(caller: Caller, dag_id: str) -> list[str]:
    """Return the ids of runs that are queued or run, in this order; not all where there are very many."""
    # By the state's name, so that whoever ends them in this order ends none that makes room for another to start.
    runs = await find_runs(caller, dag_id, state=ACTIVE, order_by="state", limit=MOST_AT_ONCE)
    return [run["dag_run_id"] for run in runs or []]


async def end_runs(caller: Caller, dag_id: str) -> set[str]:
    """
    Set all runs of a DAG that run or are queued to failed, which ends their tasks; return the ids of these runs.

    When this returns, Airflow's scheduler has none of them in hand any more.
    """
    ended: set[str] = set()
    for _ in range(ROUNDS):
        runs = await active_runs(caller, dag_id)
        if not runs:
            break
        for run_id in runs:
            await _end(caller, dag_id, run_id)
        ended.update(runs)
    await _end_again(caller, dag_id, ended)
    return ended


async def _end_again(caller: Caller, dag_id: str, ended: set[str]) -> None:
    """
    End runs once more that have been ended and have not stayed so.

    On SQLite, which locks no row, the scheduler may have read that a run is queued before it was ended, and then write
    that it runs; and as its tasks are skipped, that it is a success.
    """
    for _ in range(ROUNDS if ended else 0):
        await asyncio.sleep(SETTLE_SECONDS)
        succeeded = await find_runs(caller, dag_id, state="success", order_by="-end_date", limit=MOST_AT_ONCE)
        active = await active_runs(caller, dag_id)
        back = ended.intersection([run["dag_run_id"] for run in succeeded or []] + active)
        if not back:
            break
        for run_id in back:
            await _end(caller, dag_id, run_id)


async def _end(caller: Caller, dag_id: str, run_id: str) -> None:
    answer = await caller.send("PATCH", dag_path(dag_id, "dagRuns", run_id), json={"state": "failed"})
    if answer.is_error and answer.status_code != httpx.codes.NOT_FOUND:
        raise refused(answer)


async def _set_paused(context: Context, caller: Caller, name: str, paused: bool) -> str:
    dag_id = await context.pipeline(caller, name, "PUT")
    await context.dag(caller, dag_id)
    await caller.ask("PATCH", dag_path(dag_id), json={"is_paused": paused}, missing=str(unknown(dag_id)))
    return dag_id


def _check(conf: dict[str, Any]) -> None:
    """Refuse a conf that Airflow would refuse, which would quote what is wrong."""
    try:
        check_kinds(conf)
    except ConfigError as error:
        raise Refused(400, f"The {error}.") from None


def _wanted_run_id(conf: dict[str, Any], run_id: str | None) -> str | None:
    wanted: str | None = conf.get("pipelineRunId") or run_id
    if not wanted:
        return None
    with suppress(ValueError):
        # A UUID may be written in several ways, and reports in one: as two runs, it would report for both.
        return str(uuid.UUID(wanted))
    if not _RUN_ID.fullmatch(wanted) or ".." in wanted:
        raise Refused(400, "The parameter 'run_id' holds characters that no run's id may have.")
    return wanted


def _as_status(dag_id: str, run: dict[str, Any]) -> dict[str, Any]:
    return {
        "runId": openmetadata_run_id(dag_id, run["dag_run_id"], run.get("conf")),
        "pipelineState": run["state"],
        "startDate": _milliseconds(run["start_date"]),
        "endDate": _milliseconds(run["end_date"]),
        "timestamp": _milliseconds(run["run_after"]),
    }


def _milliseconds(moment: str | None) -> int | None:
    return round(datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp() * 1000) if moment else None
