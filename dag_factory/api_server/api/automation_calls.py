"""The call that runs an automation."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends

from dag_factory.api_server.api.answers import refusals
from dag_factory.api_server.api.body_models import AutomationBody
from dag_factory.api_server.api.dependencies import ApplicationDep, CallerDep
from dag_factory.api_server.api.identity import require
from dag_factory.api_server.api.json_bodies import DocumentDep, JsonBody, body_schema
from dag_factory.configs.allowed import allowed_here

router = APIRouter()


async def _may_edit_all_dags(caller: CallerDep) -> None:
    await require(caller, "PUT", None)


@router.post(
    "/run_automation",
    dependencies=[Depends(_may_edit_all_dags)],  # before the body is read
    openapi_extra=body_schema(AutomationBody.model_json_schema()),
    responses=refusals(400, 401, 403, 413, 500, 501, 503),
)
async def run_automation(
    automation: Annotated[AutomationBody, JsonBody(AutomationBody)], document: DocumentDep, application: ApplicationDep
) -> dict[str, str]:
    """
    Run an automation, such as a test of a connection; it reports its outcome through the OpenMetadata server's API.

    Needs the permission to edit all DAGs: like a pipeline's deploy, it makes this machine connect to any address that
    the automation names.
    """
    # An automation may connect only to servers that a pipeline may connect to. It has no references.
    await asyncio.to_thread(lambda: allowed_here().check_automation(document))
    application.automations.start(document)
    return {"message": f"Automation {automation.id} is accepted."}
