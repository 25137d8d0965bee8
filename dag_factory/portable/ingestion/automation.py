"""Executes and reports automations: actions that a user of OpenMetadata waits for, such as a test of a connection."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from dag_factory.errors import WorkflowError
from dag_factory.portable.ingestion.ometa_client import connect, known_fields
from dag_factory.portable.ingestion.run import require_ingestion
from dag_factory.portable.ingestion.secrets_read import report_secrets_read
from dag_factory.portable.openmetadata.python_classes import check_connector
from dag_factory.portable.secrets.redaction import secret_values

if TYPE_CHECKING:
    from metadata.generated.schema.entity.automations.workflow import Workflow
    from metadata.ingestion.ometa.ometa_api import OpenMetadata

    from dag_factory.configs.document import Document

log = logging.getLogger(__name__)

# The step of a connection's test that comes first in nearly all of OpenMetadata's definitions; its UI shows no others.
_FIRST_STEP = "CheckAccess"


def run_automation(
    document: Document, allowed_applications: Sequence[str] = (), *, on_secret: Callable[[str], None]
) -> None:
    """
    Execute an automation, which reports its own outcome. If it raises, report it as failed.

    :param document: an automations ``Workflow``; only its id, its name and its ``openMetadataServerConnection`` are
        used, the server supplies the rest
    :param allowed_applications: prefixes of the Python classes that a custom connector may name
    :param on_secret: gets every secret of the automation, so that logs can be masked
    :raises WorkflowError: where the server can't be reached, or does not know the automation
    """
    require_ingestion()
    with report_secrets_read(on_secret):
        server = _connected(document)
        workflow = None
        try:
            workflow = _found(server, document)
            request = json.loads(workflow.request.model_dump_json(mask_secrets=False))
            for secret in secret_values(request):
                on_secret(secret)
            check_connector(request.get("connection") or {}, allowed_applications)
            _execute(workflow, document)
        except Exception as error:
            _report_failed(server, document, workflow, str(error))
            raise


def report_automation_failed(document: Document, problem: str) -> None:
    """
    Report to the server that an automation has failed, if it still waits for an outcome.

    :param problem: what happened, in a sentence
    :raises WorkflowError: where the server can't be reached, or does not know the automation
    """
    require_ingestion()
    server = _connected(document)
    workflow = _found(server, document)
    if workflow.status is None or workflow.status.value in ("Pending", "Running"):
        _report_failed(server, document, workflow, problem)


def _connected(document: Document) -> OpenMetadata:
    return connect(document["openMetadataServerConnection"])


def _found(server: OpenMetadata, document: Document) -> Workflow:
    from metadata.generated.schema.entity.automations.workflow import Workflow

    workflow: Workflow | None = server.get_by_name(Workflow, document["name"])
    if workflow is None:
        raise WorkflowError(f"the OpenMetadata server has no automation '{document['name']}'")
    return workflow


def _execute(workflow: Workflow, document: Document) -> None:
    from metadata.automations.execute_runner import execute
    from metadata.generated.schema.entity.services.connections.metadata.openMetadataConnection import (
        OpenMetadataConnection,
    )

    connection = OpenMetadataConnection.model_validate(known_fields(document["openMetadataServerConnection"]))
    execute(workflow.model_copy(update={"openMetadataServerConnection": connection}))


def _report_failed(server: OpenMetadata, document: Document, workflow: Workflow | None, problem: str) -> None:
    """Set the state of an automation to failed; if that is not possible, log why."""
    changes: list[dict[str, Any]] = [{"op": "add", "path": "/status", "value": "Failed"}]
    if workflow is not None and workflow.workflowType.value == "TEST_CONNECTION":
        changes.append({"op": "add", "path": "/response", "value": _failed_test(workflow, problem)})
    try:
        server.client.patch(f"/automations/workflows/{document['id']}", data=json.dumps(changes))
    except Exception as error:  # noqa: BLE001 - the automation's own error is the one to show
        log.warning("The failure of the automation can't be reported to the OpenMetadata server: %s", error)


def _failed_test(workflow: Workflow, problem: str) -> dict[str, Any]:
    """Return the outcome of a failed test of a connection, with the steps so far."""
    steps = workflow.response.model_dump(mode="json")["steps"] if workflow.response is not None else []
    if all(step["name"] != _FIRST_STEP for step in steps):
        steps.append({"name": _FIRST_STEP, "mandatory": True, "passed": False, "message": problem})
    return {"status": "Failed", "lastUpdatedAt": int(time.time() * 1000), "steps": steps}
