"""The API of the OpenMetadata server of ``openmetadata_conn_id``: its answers as JSON, with retries."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

import httpx
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_delay,
    wait_exponential,
)

from dag_factory.configs.allowed import allowed_here
from dag_factory.configs.document import Document
from dag_factory.configs.server_connection import require_server, resolved
from dag_factory.errors import ServerError, ServerUnavailable, SettingsError
from dag_factory.portable.plain_text import cut, one_line
from dag_factory.portable.secrets.masking import Mask
from dag_factory.portable.secrets.redaction import secret_values
from dag_factory.reporting.server_client import Answer, ServerClient, shown, token_of
from dag_factory.settings.options import SECTION

_CONNECTION = f"the Connection of [{SECTION}] openmetadata_conn_id"
# Answers of a server that is busy, or of a proxy before one that is down.
_MAY_PASS = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
# How often a call is tried that the server answers with an error of its own: more retries rarely help.
_MOST_TRIES = 3
_LONGEST_MESSAGE = 500


class RefusedError(ServerError):
    """
    The server answers a call with an error that no retry would change.

    :param status: of the answer
    :param said: what the server says about it, maybe nothing
    """

    def __init__(self, message: str, status: int, said: str) -> None:
        super().__init__(message)
        self.status = status
        self.said = said


class ServerFailedError(ServerUnavailable):
    """The server is there, and answers a call with an error of its own."""


class StoppedError(ServerError):
    """Nobody waits for the answer any more."""


class ServerApi:
    """
    Asks one OpenMetadata server. For one thread at a time.

    A call that fails (network, timeout, error of the server) is retried for a while: all calls here are idempotent.

    :param connection: an ``openMetadataServerConnection``, its references resolved
    :param seconds: for which a call waits for its whole answer
    :param retry_seconds: for which a call that fails is retried
    :param stopped: once it is set, no call is made any more
    :raises ConfigError: where the connection has no valid address of a server
    :raises ServerError: where it can't be used for another reason
    """

    def __init__(
        self,
        connection: Document,
        *,
        seconds: float = 60.0,
        retry_seconds: float = 60.0,
        stopped: threading.Event | None = None,
    ) -> None:
        self.host = shown(connection)
        self._client = ServerClient(connection, token=token_of(connection), seconds=seconds)
        self._stopped = stopped = stopped or threading.Event()
        limit = stop_after_delay(retry_seconds)
        self._retries = Retrying(
            retry=retry_if_exception_type(ServerUnavailable),
            stop=lambda state: stopped.is_set() or _has_failed_too_often(state) or limit(state),
            wait=wait_exponential(max=10),
            sleep=sleep_using_event(stopped),
            reraise=True,
        )

    def __enter__(self) -> ServerApi:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def get(self, path: str, parameters: Mapping[str, str | int] | None = None) -> Any:
        """
        Return the JSON of an answer.

        :raises RefusedError: where the server refuses the call
        :raises ServerUnavailable: where it does not answer, or fails
        """
        return self._retries(self._ask, "GET", f"{path}?{urlencode(parameters)}" if parameters else path, None)

    def post(self, path: str, body: Any = None) -> Any:
        """
        Send a body and return the JSON of the answer.

        :raises RefusedError: where the server refuses the call
        :raises ServerUnavailable: where it does not answer, or fails
        """
        return self._retries(self._ask, "POST", path, body)

    def _ask(self, method: str, path: str, body: Any) -> Any:
        if self._stopped.is_set():
            raise StoppedError("stopped before the OpenMetadata server was asked. Run it again")
        try:
            answer = self._client.ask(method, path, body)
            if answer.is_success:
                return answer.json()
        except httpx.HTTPError as error:
            raise ServerUnavailable(
                f"the OpenMetadata server {self.host} does not answer: {type(error).__name__}. Is it running, and does "
                f"{_CONNECTION} lead to it?"
            ) from None
        except ValueError:
            raise ServerUnavailable(
                f"the answer of {self.host} is not JSON. Does {_CONNECTION} lead to OpenMetadata, whose API is at /api?"
            ) from None
        raise self._error(answer)

    def _error(self, answer: Answer) -> ServerError:
        said, status = _said(answer), answer.status
        because = f": {said}" if said else ""
        if status in _MAY_PASS:
            return ServerUnavailable(f"the OpenMetadata server {self.host} answers {status}{because}")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return ServerFailedError(f"the OpenMetadata server {self.host} answers {status}{because}")
        ways_out = {
            HTTPStatus.UNAUTHORIZED: f". Renew the token in the password of {_CONNECTION}",
            HTTPStatus.FORBIDDEN: f". Give the user of {_CONNECTION} the right to it in OpenMetadata",
            HTTPStatus.NOT_FOUND: f". Does {_CONNECTION} lead to OpenMetadata, whose API is at /api?",
        }
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            because = f", a redirect, which is not followed. Write the address it leads to into {_CONNECTION}"
        way_out = ways_out.get(HTTPStatus(status), "") if status in set(HTTPStatus) else ""
        return RefusedError(f"the OpenMetadata server {self.host} answers {status}{because}{way_out}", status, said)


def _has_failed_too_often(state: RetryCallState) -> bool:
    """Return whether a call that the server answers with an error of its own was tried `_MOST_TRIES` times."""
    error = state.outcome.exception() if state.outcome is not None else None
    return isinstance(error, ServerFailedError) and state.attempt_number >= _MOST_TRIES


def configured_connection() -> Document:
    """
    Return the connection to the server of the Connection ``openmetadata_conn_id``, resolved.

    :raises SettingsError: where the setting is empty
    :raises ConfigError: where the Connection is missing, or has no server
    """
    allowed = allowed_here()
    if allowed.server_connection is None:
        raise SettingsError(
            f"[{SECTION}] openmetadata_conn_id is empty, and the OpenMetadata server to ask is unknown. Set it to an "
            "Airflow Connection that has the server's address and a token."
        )
    mask = Mask()
    connection = require_server(resolved({}, "", allowed, on_secret=mask.add_unless_open))
    for secret in secret_values(connection):
        mask.add(secret)
    return connection


def _said(answer: Answer) -> str:
    """Return the message of an error's answer on one line, empty where it has none."""
    with suppress(ValueError):
        found = answer.json()
        message = found.get("message") if isinstance(found, dict) else None
        if isinstance(message, str):
            return cut(one_line(message), _LONGEST_MESSAGE)
    return ""
