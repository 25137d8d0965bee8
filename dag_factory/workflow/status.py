"""The state of a run at the OpenMetadata server: which ones are final, and how openmetadata-ingestion tells them."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from metadata.ingestion.ometa.ometa_api import OpenMetadata

log = logging.getLogger(__name__)

FINAL = frozenset({"success", "partialSuccess", "failed", "stopped"})
PASSING = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, 429})
"""Answers that may well be others later; the first while a token is rotated."""

_PATIENCE_SECONDS = 60.0
_LONGEST_PAUSE_SECONDS = 15.0


def status_path(pipeline_fqn: str) -> str:
    """Return the path, below the API's version, of the states of a pipeline's runs; the id of one may follow."""
    return f"/services/ingestionPipelines/{quote(pipeline_fqn, safe='')}/pipelineStatus"


def has_ended(status: Mapping[str, Any], since: int | None = None) -> bool:
    """
    Return whether a status says how a run has ended.

    :param since: when the run began, in epoch milliseconds: a run that is cleared runs again under the same id, and a
        state from before says nothing of it
    """
    reported = status.get("endDate") or status.get("timestamp")
    return status.get("pipelineState") in FINAL and (since is None or reported is None or reported >= since)


def ended(  # noqa: PLR0913 - by name
    known: Mapping[str, Any] | None,
    run_id: str,
    state: str,
    *,
    reason: str = "",
    steps: Sequence[Mapping[str, Any]] = (),
    started: int | None = None,
    at: int | None = None,
) -> dict[str, Any]:
    """
    Return the status of a run with its final state in it.

    :param known: what the server has of it; that is kept
    :param reason: shown with a failure of which the server knows no details
    :param steps: what each step of its workflow has done
    :param started: when the run began, in epoch milliseconds, for a run that the server has not heard of
    :param at: when it ended, in epoch milliseconds; without it, now
    """
    now = int(time.time() * 1000)
    new = {"runId": run_id, "startDate": started or now, "timestamp": started or now}
    status: dict[str, Any] = {**(known or new), "pipelineState": state, "endDate": at or now}
    if steps:
        status["status"] = list(steps)
    elif state == "failed" and reason and not status.get("status"):
        failure = {"name": "Airflow", "error": reason}
        status["status"] = [{"name": "Airflow", "records": 0, "errors": 1, "failures": [failure]}]
    return status


def ensure_end(  # noqa: PLR0913 - by name
    server: OpenMetadata,
    pipeline_fqn: str,
    run_id: str,
    state: str,
    *,
    steps: Sequence[Mapping[str, Any]],
    since: int,
    patience: float = _PATIENCE_SECONDS,
) -> str:
    """
    See to it that the server has the end of a run whose workflow has reported it, but only logs where that is lost.

    Return the state that the server has in the end; where it can't be asked or told for a while, log that and return
    the given one.

    :param state: in which the workflow ended
    :param steps: what each step of it has done
    :param since: when it began, in epoch milliseconds
    """
    deadline = time.monotonic() + patience
    pause = 1.0
    while True:
        problem = "its answer says something else"
        try:
            known = _known(server, pipeline_fqn, run_id)
            if has_ended(known, since):
                return str(known["pipelineState"])
            # Whether that has arrived, the next turn asks: the client hides some errors.
            _tell(server, pipeline_fqn, ended(known, run_id, state, steps=steps, started=since))
        except Exception as error:  # noqa: BLE001 - the workflow has ended, whatever the server says to it
            problem = str(error)
            if not _may_pass(error):
                break
        if time.monotonic() + pause > deadline:
            break
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
    log.warning("the OpenMetadata server could not be told that the run ended as %s: %s", state, problem)
    return state


def report_failed(  # noqa: PLR0913 - by name
    server: OpenMetadata,
    pipeline_fqn: str,
    run_id: str,
    *,
    reason: str = "",
    since: int | None = None,
    overrule: bool = False,
) -> None:
    """
    Set the state of a run to failed, unless it has ended; where that is not possible, log why and go on.

    :param since: when the run began, in epoch milliseconds
    :param overrule: whether to replace another final state too
    """
    try:
        known = _known(server, pipeline_fqn, run_id)
        if overrule or not has_ended(known, since):
            _tell(server, pipeline_fqn, ended(known, run_id, "failed", reason=reason))
    except Exception as error:  # noqa: BLE001 - the run's own error is the one to show
        log.warning("the OpenMetadata server could not be told that the run failed: %s", error)


def _known(server: OpenMetadata, pipeline_fqn: str, run_id: str) -> dict[str, Any]:
    # Not by the models of openmetadata-ingestion, which refuse what a newer server says.
    found = server.client.get(f"{status_path(pipeline_fqn)}/{run_id}")
    return found if isinstance(found, dict) else {}


def _tell(server: OpenMetadata, pipeline_fqn: str, status: Mapping[str, Any]) -> None:
    server.client.put(status_path(pipeline_fqn), data=json.dumps(status))


def _may_pass(error: Exception) -> bool:
    """Return whether a later try may go better: not where the server has refused."""
    answer = getattr(error, "response", None)
    code = getattr(error, "status_code", None) or getattr(answer, "status_code", None)
    return not isinstance(code, int) or code in PASSING or code >= HTTPStatus.INTERNAL_SERVER_ERROR
