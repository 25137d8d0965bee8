"""A client for the two calls that get and put the status of a run."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Any

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential

from dag_factory.configs.document import Document
from dag_factory.errors import ConfigError, ServerError, StatusError
from dag_factory.portable.ingestion.run_status import PASSING, settle
from dag_factory.portable.openmetadata.outcomes import Report
from dag_factory.reporting.server_client import ServerClient, token_of


class StatusClient:
    """
    Gets and puts states of runs where openmetadata-ingestion can't, or is not installed.

    :param connection: an ``openMetadataServerConnection``, its references resolved
    :param timeout: seconds for a call: to connect, and then for the whole answer
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

    def get(self, path: str) -> Mapping[str, Any] | None:
        """
        Return the status of a run, None where the server has none.

        :raises StatusError: where the server does not answer or refuses
        """
        return self._ask("GET", path)

    def put(self, path: str, status: Mapping[str, Any]) -> None:
        """
        Put the status of a run.

        :raises StatusError: where the server does not answer or refuses
        """
        self._ask("PUT", path, status)

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Document | None:
        """Send a request and return the JSON object of its answer, None where the answer holds none."""
        try:
            answer = self._server.ask(method, path, body)
            if answer.is_success:
                return answer.object()
        except httpx.HTTPError as error:
            raise StatusError(
                f"the OpenMetadata server does not answer: {type(error).__name__}", passing=True
            ) from None
        except ServerError as error:
            raise StatusError(str(error), passing=False) from None
        except ValueError:
            # Such as a proxy's page.
            raise StatusError("the OpenMetadata server's answer is not JSON", passing=True) from None
        passing = answer.status in PASSING or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        raise StatusError(f"the OpenMetadata server answers {answer.status}", passing=passing)


def report_run(  # noqa: PLR0913 - by name
    connection: Document,
    pipeline_fqn: str,
    run_id: str,
    report: Report,
    *,
    retry_seconds: float = 0.0,
    timeout: float = 5.0,
) -> str:
    """
    Report what is known of a run, and return the state that the server then has.

    :param retry_seconds: for which a call without an answer is retried
    :param timeout: seconds for a call
    :raises StatusError: where the server does not answer or refuses
    """
    retries = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, StatusError) and error.passing),
        stop=stop_after_delay(retry_seconds),
        wait=wait_exponential(max=5),
        reraise=True,
    )
    with StatusClient(connection, timeout=timeout) as client:
        return retries(settle, client, pipeline_fqn, run_id, report)
