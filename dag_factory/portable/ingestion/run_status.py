"""
Gets and puts the status of a run at the OpenMetadata server.

Who overrides whom is the rule of `dag_factory.portable.openmetadata.outcomes`.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import quote

from dag_factory.portable.openmetadata.outcomes import Report, status_after

if TYPE_CHECKING:
    from metadata.ingestion.ometa.ometa_api import OpenMetadata

log = logging.getLogger(__name__)

PASSING = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, 429})
"""Errors that may pass: 401 occurs while a token is rotated."""

_ENSURE_SECONDS = 60.0
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 15.0


class Statuses(Protocol):
    """The two calls that get and put the status of a run; ``path`` is relative to the API's version."""

    def get(self, path: str) -> Mapping[str, Any] | None:
        """Return the status of a run, None or an empty one where the server has none."""

    def put(self, path: str, status: Mapping[str, Any]) -> None:
        """Put a status."""


class Ensured(NamedTuple):
    """The state of a run, and whether the server has it."""

    state: str
    is_reported: bool


def status_path(pipeline_fqn: str) -> str:
    """Return the path of the states of a pipeline's runs, relative to the API's version; a run's id may follow."""
    return f"/services/ingestionPipelines/{quote(pipeline_fqn, safe='')}/pipelineStatus"


def settle(server: Statuses, pipeline_fqn: str, run_id: str, report: Report) -> str:
    """
    Report what is known of a run, and return the state that the server then has.

    :param run_id: id under which the run reports
    """
    known, status = _due(server, pipeline_fqn, run_id, report)
    if status is not None:
        server.put(status_path(pipeline_fqn), status)
    return str((status or known)["pipelineState"])


def _due(
    server: Statuses, pipeline_fqn: str, run_id: str, report: Report
) -> tuple[Mapping[str, Any], Mapping[str, Any] | None]:
    """Return a server's status of a run, and the one to put, None where nothing changes."""
    known = server.get(f"{status_path(pipeline_fqn)}/{quote(run_id, safe='')}") or {}
    return known, status_after(known, run_id, report, now=int(time.time() * 1000))


class IngestionStatuses:
    """The calls by openmetadata-ingestion's client, without its models, which refuse a newer server's fields."""

    def __init__(self, server: OpenMetadata) -> None:
        self._client = server.client

    def get(self, path: str) -> Mapping[str, Any] | None:
        found = self._client.get(path)
        return found if isinstance(found, dict) else None

    def put(self, path: str, status: Mapping[str, Any]) -> None:
        self._client.put(path, data=json.dumps(status))


def ensure_reported(  # noqa: PLR0913 - the last by name
    server: OpenMetadata,
    pipeline_fqn: str,
    run_id: str,
    report: Report,
    *,
    seconds: float = _ENSURE_SECONDS,
    pause: float = _FIRST_PAUSE_SECONDS,
) -> Ensured:
    """
    Make sure that the server has the final state of a run: a workflow reports it, but only logs a failed report.

    Return the state that the server has in the end; if it can't be reached, log that and return the given one.

    :param report: the workflow's, with its start as ``since``
    :param seconds: for which the report is retried
    :param pause: seconds before the first retry; each further one waits twice as long
    """
    deadline = time.monotonic() + seconds
    statuses = IngestionStatuses(server)
    while True:
        problem = "the server still has another state"
        try:
            known, status = _due(statuses, pipeline_fqn, run_id, report)
            if status is None:
                return Ensured(str(known["pipelineState"]), is_reported=True)
            # The next round checks that it has arrived: the client hides some errors.
            statuses.put(status_path(pipeline_fqn), status)
        except Exception as error:  # noqa: BLE001 - the workflow has ended, whatever the server says to it
            problem = str(error)
            if not _may_pass(error):
                break
        if time.monotonic() + pause > deadline:
            break
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
    log.warning("the run can't be reported to the OpenMetadata server as %s: %s", report.state, problem)
    return Ensured(report.state, is_reported=False)


def report_once(server: OpenMetadata, pipeline_fqn: str, run_id: str, report: Report) -> bool:
    """Report what is known of a run; if that is not possible, log why and return False."""
    try:
        settle(IngestionStatuses(server), pipeline_fqn, run_id, report)
    except Exception as error:  # noqa: BLE001 - the run's own error is the one to show
        log.warning("the run can't be reported to the OpenMetadata server as %s: %s", report.state, error)
        return False
    return True


def _may_pass(error: Exception) -> bool:
    """Return whether a retry may succeed: not where the server has refused."""
    answer = getattr(error, "response", None)
    code = getattr(error, "status_code", None) or getattr(answer, "status_code", None)
    return not isinstance(code, int) or code in PASSING or code >= HTTPStatus.INTERNAL_SERVER_ERROR
