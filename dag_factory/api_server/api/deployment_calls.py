"""The calls that change which pipelines there are: deploy and delete."""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from urllib.parse import quote

import httpx
from fastapi import APIRouter, Request

from dag_factory.api_server import foreign_dags
from dag_factory.api_server.api.answers import Refused, refusals
from dag_factory.api_server.api.application import Application
from dag_factory.api_server.api.call_metrics import count
from dag_factory.api_server.api.dependencies import ApplicationDep, CallerDep
from dag_factory.api_server.api.ending_runs import active_runs, end_runs
from dag_factory.api_server.api.identity import require, require_connections
from dag_factory.api_server.api.json_bodies import body_schema, read_body
from dag_factory.api_server.api.pipeline_lookup import NameParameter, TakenDagId, find_dag, find_pipeline
from dag_factory.api_server.api.rest import Caller, dag_path, refused
from dag_factory.api_server.api.toggle import Toggle
from dag_factory.configs.allowed import connections_in
from dag_factory.configs.dag_ids import clean_dag_id
from dag_factory.configs.problem import InvalidError, Problem
from dag_factory.errors import DagFactoryError
from dag_factory.portable.openmetadata.pipeline_types import PIPELINE_TYPES
from dag_factory.reporting import metrics
from dag_factory.store import writer

log = logging.getLogger(__name__)

router = APIRouter()

TRIES = 20
PAUSE_SECONDS = 0.5
LATER_SECONDS = 600.0

# For the OpenAPI page alone. What a document may say, `dag_factory.configs` checks for all ways in, once it is known
# that the caller may deploy it, and each of its problems has a field of its own in the answer.
_PIPELINE = body_schema(
    {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "pipelineType": {"enum": list(PIPELINE_TYPES)},
            "service": {"type": "object", "properties": {"type": {"type": "string"}, "name": {"type": "string"}}},
        },
        "required": ["name", "pipelineType", "service"],
    }
)


@router.post("/deploy", openapi_extra=_PIPELINE, responses=refusals(400, 401, 403, 409, 413, 500, 503))
async def deploy(request: Request, caller: CallerDep, application: ApplicationDep) -> dict[str, Any]:
    """
    Store the config of a pipeline, a whole ``IngestionPipeline``, and ask Airflow to parse it.

    Needs the permission to edit the DAG, which every auth manager knows even for a DAG that does not exist yet, and the
    permission to read each Connection that the document itself refers to. Where ``enabled`` or ``pausePipeline`` has
    changed, the DAG is paused or unpaused too; else it stays as users have set it in Airflow.
    """
    document = await asyncio.to_thread(writer.parsed, await read_body(request))
    # Checked first: only those who may deploy the document may learn what is wrong with it, and use our time for that.
    await _require_deployer(caller, document.get("name"))
    checked = await asyncio.to_thread(writer.checked, document)
    await require_connections(caller, connections_in(checked.document))
    await _require_pool(caller, checked.pipeline.dag_factory.runner.pool)
    toggle = Toggle(application, caller)
    dag_id, names = checked.pipeline.dag_id, application.store.names
    await _require_free(application, dag_id)
    deployed = await application.change(caller, dag_id, lambda store: writer.deploy(store, checked, toggle, names))
    toggle.follow()
    if deployed.changed:
        application.ask_for_parse(caller, deployed.dag_id)
    count(metrics.DEPLOYS.of(1, outcome="changed" if deployed.changed else "unchanged"))
    done = "is deployed" if deployed.changed else "is deployed already, and nothing has changed"
    answer: dict[str, Any] = {"message": f"Pipeline '{deployed.dag_id}' {done}.", "dag_id": deployed.dag_id}
    if checked.warnings:
        for warning in checked.warnings:
            log.warning("pipeline '%s' is deployed, and %s", deployed.dag_id, warning)
        answer["warnings"] = [warning.as_json() for warning in checked.warnings]
    return answer


async def _require_deployer(caller: Caller, name: object) -> None:
    """
    Check that a caller may edit the DAG of a pipeline; all DAGs, where the document does not say which it is.

    :raises Refused: 403, where they may not
    """
    if isinstance(name, str):
        await require(caller, "PUT", clean_dag_id(name))
        return
    try:
        await require(caller, "PUT", None)
    except Refused as refusal:
        if refusal.status != httpx.codes.FORBIDDEN:
            raise
        lacking = "The user lacks Airflow's permission to edit all DAGs, which a document without a name needs"
        raise Refused(refusal.status, f"{lacking}. Write the pipeline's name, as a text.") from None


async def _require_pool(caller: Caller, pool: str | None) -> None:
    """
    Refuse a pool that Airflow does not have: a run would silently wait for it for ever.

    Callers who may not read pools are not refused, since nothing is known then.

    :raises InvalidError: where it is unknown
    """
    if pool is None:
        return
    answer = await caller.send("GET", f"/pools/{quote(pool, safe='')}")
    if answer.status_code == httpx.codes.NOT_FOUND:
        way_out = "Create it in Airflow, name another one, or leave the field out"
        raise InvalidError([Problem("dagFactory.runner.pool", "pool", "is not a pool that Airflow has", way_out)])


async def _require_free(application: Application, dag_id: str) -> None:
    """
    Check that no DAG of somebody else's has the DAG id of a new pipeline: whichever file is parsed last would win.

    :raises Refused: 409, where one has
    """
    is_taken = await asyncio.to_thread(foreign_dags.has_foreign_dag, dag_id, or_stale=False)
    if is_taken and not await application.store.holds(dag_id):
        raise Refused(
            409, f"This Airflow has a DAG '{dag_id}' that is not a pipeline's. Give the pipeline another name."
        )


@router.delete("/delete", responses=refusals(400, 401, 403, 409, 500, 503))
async def delete(name: NameParameter, caller: CallerDep, application: ApplicationDep) -> dict[str, str]:
    """
    Remove a pipeline's config, and its DAG with all its runs from Airflow. Succeeds too where nothing is left to
    delete.

    A parse that started earlier would bring the DAG back; and if a DAG is deleted while Airflow stores a parse that has
    it, Airflow's DAG processor ends with an error. So this waits for a parse without the config: Airflow parses a file
    once at a time, so no older parse ends after it. If that takes too long, the DAG is deleted all the same, and
    deleted again after the parse if it came back.
    """
    try:
        dag_id = await find_pipeline(application, caller, name, "DELETE")
    except TakenDagId as refusal:
        return {"message": f"Nothing is deleted: that name is unknown. {refusal.whose}"}
    if await active_runs(caller, dag_id):
        await require(caller, "PUT", dag_id, run=True)
    removed = await application.change(
        caller, dag_id, lambda store: writer.delete(store, name, application.store.names)
    )
    seen = True
    if removed:
        application.ask_for_parse(caller, dag_id)
    # An earlier call that was interrupted may have removed the config.
    if removed or await find_dag(caller, dag_id) is not None:
        seen = await application.parses.wait_until_seen(application.delete_seconds, {dag_id})
    # It may have been redeployed meanwhile.
    known = not await application.store.holds(dag_id) and await _delete_dag(caller, dag_id)
    if not seen:
        application.later(_delete_later(application, caller, dag_id))
    if removed or known:
        return {"message": f"Pipeline '{dag_id}' is deleted."}
    return {"message": f"Nothing is deleted: pipeline '{dag_id}' is unknown."}


async def _delete_dag(caller: Caller, dag_id: str) -> bool:
    """Delete a DAG from Airflow, whatever it is doing; return whether it existed."""
    for _ in range(TRIES):
        # Deleting a run that Airflow's scheduler is working on would end the scheduler with an error.
        await end_runs(caller, dag_id)
        answer = await caller.send("DELETE", dag_path(dag_id))
        if answer.status_code == httpx.codes.NOT_FOUND:
            return False
        if not answer.is_error:
            return True
        if answer.status_code != httpx.codes.CONFLICT:
            raise refused(answer)
        # A task is still being ended, or the next run has started.
        await asyncio.sleep(PAUSE_SECONDS)
    raise Refused(
        409, f"The config of pipeline '{dag_id}' is removed, but a task of its DAG can't be ended. Delete it again."
    )


async def _delete_later(application: Application, caller: Caller, dag_id: str) -> None:
    """Delete a DAG that an older parse has brought back, unless it was redeployed."""
    try:
        if not await application.parses.wait_until_seen(LATER_SECONDS, {dag_id}):
            return
        if await find_dag(caller, dag_id) is not None and not await application.store.holds(dag_id):
            await _delete_dag(caller, dag_id)
    except (Refused, DagFactoryError) as error:
        log.warning("DAG '%s' may have come back after its deletion: %s", dag_id, error)
