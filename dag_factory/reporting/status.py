"""A client for the two calls by which an OpenMetadata server is asked and told the state of a run."""

from __future__ import annotations

from http import HTTPStatus
from types import TracebackType
from urllib.parse import quote

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential

from dag_factory.document import Document
from dag_factory.errors import ConfigError, ServerError, StatusError
from dag_factory.server_client import ServerClient, token_of
from dag_factory.workflow.status import PASSING, ended, has_ended, status_path


class StatusClient:
    """
    Speaks for the runs of pipelines, where openmetadata-ingestion can't or is not installed.

    :param connection: an ``openMetadataServerConnection``, its references resolved
    :param timeout: seconds for a call: to connect, and then for the whole of the answer
    :raises StatusError: where the connection holds no token that can be read here
    """

    def __init__(self, connection: Document, *, timeout: float = 5.0) -> None:
        try:
            self._server = ServerClient(connection, token=token_of(connection), seconds=timeout)
        except (ConfigError, ServerError) as error:
            raise StatusError(str(error), passing=False) from None

    def __enter__(self) -> StatusClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    def settle(  # noqa: PLR0913 - by name
        self,
        pipeline_fqn: str,
        run_id: str,
        state: str,
        *,
        reason: str = "",
        started: int | None = None,
        at: int | None = None,
        since: int | None = None,
        overrule: bool = False,
    ) -> str:
        """
        Set the final state of a run, unless it has one already, and return the state that it then has.

        :param run_id: id under which the run reports
        :param state: ``success``, ``partialSuccess`` or ``failed``
        :param reason: shown with a failure of which the server knows no details
        :param started: when the run began, in epoch milliseconds, for a run that the server has not heard of
        :param at: when it ended, in epoch milliseconds; without it, now
        :param since: a final state from before that, in epoch milliseconds, is none of this run as it was cleared
        :param overrule: whether to replace another final state too
        :raises StatusError: where the server does not answer or refuses
        """
        path = status_path(pipeline_fqn)
        known = self._ask("GET", f"{path}/{quote(run_id, safe='')}") or {}
        if known.get("pipelineState") == state or (has_ended(known, since) and not overrule):
            return str(known["pipelineState"])
        self._ask("PUT", path, ended(known, run_id, state, reason=reason, started=started, at=at))
        return state

    def _ask(self, method: str, path: str, body: Document | None = None) -> Document | None:
        """Send a request and return the JSON object of its answer, None where the answer holds none."""
        try:
            answer = self._server.ask(method, path, body)
            if answer.is_success:
                return answer.object()
        except httpx.HTTPError as error:
            raise StatusError(
                f"the OpenMetadata server does not answer: {type(error).__name__}", passing=True
            ) from None
        except ValueError:
            # Such as the page of a proxy.
            raise StatusError("the OpenMetadata server's answer is not JSON", passing=True) from None
        passing = answer.status in PASSING or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        raise StatusError(f"the OpenMetadata server answers {answer.status}", passing=passing)


def report_failed(  # noqa: PLR0913 - by name
    connection: Document,
    pipeline_fqn: str,
    run_id: str,
    *,
    reason: str,
    since: int | None = None,
    overrule: bool = False,
    patience: float = 0.0,
    timeout: float = 5.0,
) -> str:
    """
    Set the state of a run to failed, see `StatusClient.settle`, and return the state that it then has.

    :param patience: seconds for which it is tried again where the server does not answer
    :raises StatusError: where the server can't be told
    """
    tries = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, StatusError) and error.passing),
        stop=stop_after_delay(patience),
        wait=wait_exponential(max=5),
        reraise=True,
    )
    with StatusClient(connection, timeout=timeout) as client:
        return tries(client.settle, pipeline_fqn, run_id, "failed", reason=reason, since=since, overrule=overrule)
