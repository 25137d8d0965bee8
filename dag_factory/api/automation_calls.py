"""The call that runs an automation."""

from __future__ import annotations

import asyncio
import re

from fastapi import APIRouter, Request

from dag_factory.api.answers import Refused, refusals
from dag_factory.api.calls import body_schema, read_call
from dag_factory.api.context import CallerDep, ContextDep
from dag_factory.api.identity import require
from dag_factory.configs import allowed
from dag_factory.configs.document import Document

router = APIRouter()

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

_AUTOMATION = body_schema(
    id={"type": "string"}, name={"type": "string"}, openMetadataServerConnection={"type": "object"}
)


@router.post("/run_automation", openapi_extra=_AUTOMATION, responses=refusals(400, 401, 403, 413, 500, 501, 503))
async def run_automation(request: Request, caller: CallerDep, context: ContextDep) -> dict[str, str]:
    """
    Run an automation, such as a test of a connection; its outcome travels to the server through the server's own API.

    Needs the right to edit all DAGs: it makes this machine connect to any address that the automation names, as a
    pipeline's deploy does.
    """
    await require(caller, "PUT", None)
    document = await read_call(request)
    _check(document)
    # A way to a server that a pipeline may not take, an automation may not take either. It knows no references.
    await asyncio.to_thread(lambda: allowed.configured().check_automation(document))
    context.automations.start(document)
    return {"message": f"Automation {document['id']} is accepted."}


def _check(document: Document) -> None:
    if not isinstance(document.get("id"), str) or not _UUID.fullmatch(document["id"]):
        raise Refused(400, "The field 'id' is missing, or is not a UUID.")
    if not isinstance(document.get("name"), str) or not document["name"]:
        raise Refused(400, "The field 'name' is missing, or is not a text.")
    connection = document.get("openMetadataServerConnection")
    if not isinstance(connection, dict) or not isinstance(connection.get("hostPort"), str):
        raise Refused(400, "The field 'openMetadataServerConnection' is missing, or its 'hostPort' is not a text.")
