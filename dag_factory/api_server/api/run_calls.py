"""The calls about runs: trigger, kill, status, enable and disable."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter

from dag_factory.api_server.api.answers import refusals
from dag_factory.api_server.api.application import Application
from dag_factory.api_server.api.body_models import KillBody, PipelineBody, TriggerBody
from dag_factory.api_server.api.dependencies import ApplicationDep, CallerDep
from dag_factory.api_server.api.ending_runs import ACTIVE, end_run, end_runs
from dag_factory.api_server.api.json_bodies import JsonBody, body_schema
from dag_factory.api_server.api.pipeline_lookup import NameParameter, find_dag, find_pipeline, unknown, wait_for_dag
from dag_factory.api_server.api.rest import Caller, dag_path
from dag_factory.api_server.api.run_list import (
    MOST_AT_ONCE,
    RunIdParameter,
    checked_run_id,
    find_run,
    find_runs,
    reported_id,
)

router = APIRouter()

NEWEST = 10
_PIPELINE = body_schema(PipelineBody.model_json_schema())
_TRIGGER = body_schema(TriggerBody.model_json_schema())
_KILL = body_schema(KillBody.model_json_schema())
_REFUSALS = refusals(400, 401, 403, 404, 413, 500, 503)


@router.post("/trigger", openapi_extra=_TRIGGER, responses={**_REFUSALS, **refusals(409)})
async def trigger(
    body: Annotated[TriggerBody, JsonBody(TriggerBody)],
    caller: CallerDep,
    application: ApplicationDep,
    run_id: RunIdParameter = None,
) -> dict[str, str]:
    """
    Start a run, with a ``conf`` for that run only. Waits for a pipeline that was just deployed.

    The run's id is ``conf.pipelineRunId``, else the parameter ``run_id``, else Airflow's own. The run of a disabled
    pipeline is queued, and starts once the pipeline is enabled.
    """
    conf = body.conf or {}
    wanted = checked_run_id(conf.get("pipelineRunId") or run_id)
    dag_id = await find_pipeline(application, caller, body.dag_id, "POST", run=True)
    # The run's task would not find its config.
    await application.store.require()
    dag = await wait_for_dag(application, caller, dag_id)
    new_run = {"logical_date": None, "conf": conf, **({"dag_run_id": wanted} if wanted else {})}
    run = await caller.ask("POST", dag_path(dag_id, "dagRuns"), json=new_run, missing=str(unknown(dag_id)))
    begins = (
        "is queued. The pipeline is disabled: the run starts once it is enabled." if dag["is_paused"] else "is queued."
    )
    return {"message": f"Run '{run['dag_run_id']}' of pipeline '{dag_id}' {begins}", "run_id": run["dag_run_id"]}


@router.post("/enable", openapi_extra=_PIPELINE, responses=_REFUSALS)
async def enable(
    body: Annotated[PipelineBody, JsonBody(PipelineBody)], caller: CallerDep, application: ApplicationDep
) -> dict[str, str]:
    """Resume a pipeline's schedule and its queued runs."""
    dag_id = await _set_paused(application, caller, body.dag_id, False)
    return {"message": f"Pipeline '{dag_id}' is enabled."}


@router.post("/disable", openapi_extra=_PIPELINE, responses=_REFUSALS)
async def disable(
    body: Annotated[PipelineBody, JsonBody(PipelineBody)], caller: CallerDep, application: ApplicationDep
) -> dict[str, str]:
    """Stop starting runs of a pipeline; those that run go on."""
    dag_id = await _set_paused(application, caller, body.dag_id, True)
    return {"message": f"Pipeline '{dag_id}' is disabled."}


@router.post("/kill", openapi_extra=_KILL, responses=_REFUSALS)
async def kill(
    body: Annotated[KillBody, JsonBody(KillBody)],
    caller: CallerDep,
    application: ApplicationDep,
    run_id: RunIdParameter = None,
) -> dict[str, str]:
    """
    End all runs of a pipeline that run or are queued; their tasks report that they have failed.

    With a ``run_id``, in the body or as a parameter, only that run is ended.
    """
    wanted = checked_run_id(body.run_id or run_id)
    dag_id = await find_pipeline(application, caller, body.dag_id, "PUT", run=True)
    ended = await (_kill_all(caller, dag_id) if wanted is None else _kill_one(caller, dag_id, wanted))
    if not ended and await find_dag(caller, dag_id) is None and await application.store.lacks(dag_id):
        raise unknown(dag_id)
    return {"message": f"{ended} run{'' if ended == 1 else 's'} of pipeline '{dag_id}' ended."}


async def _kill_all(caller: Caller, dag_id: str) -> int:
    return len(await end_runs(caller, dag_id))


async def _kill_one(caller: Caller, dag_id: str, run_id: str) -> int:
    run = await find_run(caller, dag_id, run_id)
    if run["state"] not in ACTIVE:
        return 0
    await end_run(caller, dag_id, run["dag_run_id"])
    return 1


@router.get("/status", responses=refusals(400, 401, 403, 404, 500, 503))
async def status(
    name: NameParameter, caller: CallerDep, application: ApplicationDep, only_queued: bool = False
) -> list[dict[str, Any]]:
    """
    Return the ten newest runs of a pipeline, newest first.

    With ``only_queued``, only queued runs that the server does not know: it has recorded those that it triggered itself
    under its ``pipelineRunId``, and would list them twice.
    """
    dag_id = await find_pipeline(application, caller, name, "GET", run=True)
    wanted = {"limit": MOST_AT_ONCE, "state": ["queued"]} if only_queued else {"limit": NEWEST}
    runs = await find_runs(caller, dag_id, order_by="-run_after", **wanted)
    if runs is None:
        if await application.store.lacks(dag_id):
            raise unknown(dag_id)
        return []  # deployed, and not parsed yet
    if only_queued:
        runs = [run for run in runs if not (run.get("conf") or {}).get("pipelineRunId")]
    return [_as_status(dag_id, run) for run in runs[:NEWEST]]


async def _set_paused(application: Application, caller: Caller, name: str, paused: bool) -> str:
    dag_id = await find_pipeline(application, caller, name, "PUT")
    await wait_for_dag(application, caller, dag_id)
    application.toggles.pop(dag_id, None)
    await caller.ask("PATCH", dag_path(dag_id), json={"is_paused": paused}, missing=str(unknown(dag_id)))
    return dag_id


def _as_status(dag_id: str, run: dict[str, Any]) -> dict[str, Any]:
    return {
        "runId": reported_id(dag_id, run),
        "pipelineState": run["state"],
        "startDate": _milliseconds(run["start_date"]),
        "endDate": _milliseconds(run["end_date"]),
        "timestamp": _milliseconds(run["run_after"]),
    }


def _milliseconds(moment: str | None) -> int | None:
    return round(datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp() * 1000) if moment else None
