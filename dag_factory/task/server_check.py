"""
Checks that the OpenMetadata server of a config can be used, before the workflow starts.

openmetadata-ingestion waits up to ten minutes per call for a server that does not answer, and its messages for other
faults often name the wrong cause. Here each fault is found within a minute, and reported in a sentence that says which
server, what happened and the way out.
"""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from dag_factory.configs.document import Document
from dag_factory.errors import ServerError, ServerUnavailable
from dag_factory.portable.ingestion.run_status import PASSING
from dag_factory.portable.plain_text import cut, one_line
from dag_factory.reporting.server_client import HOST_PORT, Answer, ServerClient, shown, token_of

log = logging.getLogger(__name__)

ANSWER_SECONDS = 20.0
"""How long to wait for an answer: twice what a busy server takes."""

RETRY_SECONDS = 40.0
"""
For how long calls to an unavailable server are retried: it may just be starting.

Airflow's own retries are for longer outages; they occupy no worker slot.
"""

_LONGEST_PAUSE_SECONDS = 8.0

_LONGEST_HOST = 255
_LONGEST_NAME = 256

# The first needs no token. The second needs a token, but no permission.
_VERSION = "/system/version"
_WHO_AM_I = "/users/loggedInUser"

_REFUSALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_TOKEN = "openMetadataServerConnection.securityConfig.jwtToken"


@dataclass(frozen=True)
class Found:
    """
    The server that has answered.

    :param version: of OpenMetadata, None where it does not say
    :param user: whose token it is, None where there is none, or only openmetadata-ingestion can read it
    """

    version: str | None = None
    user: str | None = None


def require_answers(
    connection: Document, *, answer_seconds: float = ANSWER_SECONDS, retry_seconds: float = RETRY_SECONDS
) -> Found:
    """
    Check that a connection's server answers as OpenMetadata does, and accepts the token; return what it says of both.

    A token that only openmetadata-ingestion can read is not checked.

    :param connection: an ``openMetadataServerConnection``, its references resolved
    :param answer_seconds: for which one answer is waited for
    :param retry_seconds: for which calls to an unavailable server are retried
    :raises ConfigError: where the connection names no server
    :raises ServerUnavailable: where the server stays unavailable
    :raises ServerError: where it can't be used until somebody changes something
    """
    token = _readable(connection)
    client = ServerClient(connection, token=token, seconds=answer_seconds)
    tries = Retrying(
        retry=retry_if_exception_type(ServerUnavailable),
        stop=stop_after_delay(retry_seconds),
        wait=wait_random_exponential(max=_LONGEST_PAUSE_SECONDS),
        before_sleep=_log_problem,
        reraise=True,
    )
    try:
        return tries(_check, client, _Sentences(connection, answer_seconds), has_token=token is not None)
    finally:
        client.close()


def _readable(connection: Document) -> str | None:
    try:
        return token_of(connection)
    except ServerError:
        return None


def _log_problem(state: RetryCallState) -> None:
    problem = state.outcome.exception() if state.outcome is not None else None
    log.warning("%s. Retrying", problem)


def _check(client: ServerClient, problems: _Sentences, *, has_token: bool) -> Found:
    answer = _ask(client, _VERSION, problems)
    # A proxy may require the token, which only openmetadata-ingestion can read here.
    if answer.status in _REFUSALS and not has_token:
        return Found()
    problems.check(answer)
    version = _text_in(answer, "version")
    if version is None:
        raise problems.not_openmetadata()
    if not has_token:
        return Found(version)
    answer = _ask(client, _WHO_AM_I, problems)
    # A server may not have this call, but it checks the token first.
    if answer.status == HTTPStatus.NOT_FOUND:
        return Found(version, "unknown")
    problems.check(answer)
    return Found(version, _text_in(answer, "name") or "unknown")


def _ask(client: ServerClient, path: str, problems: _Sentences) -> Answer:
    # A `ServerError` of the client itself stays as it is: a retry would not help.
    try:
        return client.ask("GET", path)
    except httpx.HTTPError as error:
        raise problems.of_transport(error) from None


def _text_in(answer: Answer, field: str) -> str | None:
    """Return a text of an answer's object on one line, None where it has none."""
    try:
        found = (answer.object() or {}).get(field)
    except ValueError:
        return None
    return cut(one_line(found), _LONGEST_NAME) if isinstance(found, str) else None


class _Sentences:
    """The messages about one server: which one, what happened, the way out."""

    def __init__(self, connection: Document, answer_seconds: float) -> None:
        self._server = f"the OpenMetadata server {shown(connection)}"
        self._scheme = urlsplit(str(connection.get("hostPort"))).scheme.lower()
        self._seconds = answer_seconds

    def check(self, answer: Answer) -> None:
        """Raise where an answer shows that a workflow can't use the server."""
        status = answer.status
        if status == HTTPStatus.UNAUTHORIZED:
            raise self._lasting(f"refuses the token (401). Renew {_TOKEN}, or the Connection that it comes from")
        if status == HTTPStatus.FORBIDDEN:
            raise self._lasting("forbids the token to call it (403). Give the bot of that token its role back")
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            raise self._redirects(answer)
        if status in PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise self._passing(
                f"answers with an error ({status}). Its log, or that of a proxy in front of it, says why"
            )
        if not answer.is_success:
            raise self._lasting(
                f"has no API at that path (it answers {status}). Check {HOST_PORT}, which usually ends in /api"
            )

    def not_openmetadata(self) -> ServerError:
        return self._lasting(
            "does not answer as OpenMetadata's API does, but for example with a web page. Check that "
            f"{HOST_PORT} ends in /api, and that no proxy or login page is in front of it"
        )

    def of_transport(self, error: httpx.HTTPError) -> ServerError:
        """Return the error to raise where no whole answer came."""
        causes = list(_causes(error))
        for cause in causes:
            # If the connection merely ended during the handshake, TLS is not to blame.
            if isinstance(cause, ssl.SSLError) and not isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
                return self._of_tls(cause)
        for kind, problem in (
            (httpx.ProxyError, "can't be reached through the proxy that HTTP_PROXY or HTTPS_PROXY names"),
            (
                httpx.ConnectTimeout,
                f"can't be connected to within {self._seconds:.0f} s. Check that it runs, and that no firewall stands "
                "between it and this worker",
            ),
            (
                httpx.TimeoutException,
                f"accepts connections, but has not answered within {self._seconds:.0f} s. Its log may say what it "
                "waits for",
            ),
            (socket.gaierror, f"is not found: this worker's DNS can't resolve the name. Check {HOST_PORT}"),
            (ConnectionRefusedError, f"is down: nothing listens there. Start it, or check the port in {HOST_PORT}"),
        ):
            if any(isinstance(cause, kind) for cause in causes):
                return self._passing(problem)
        hint = ". If it expects TLS, write https:// instead of http://" if self._scheme == "http" else ""
        return self._passing(f"ends the connection before its answer is complete ({type(error).__name__}){hint}")

    def _of_tls(self, error: ssl.SSLError) -> ServerError:
        if isinstance(error, ssl.SSLCertVerificationError):
            return self._lasting(
                f"shows a certificate that can't be trusted ({error.verify_message.rstrip('.')}). Renew it, or name "
                "its CA in openMetadataServerConnection.sslConfig, with verifySSL 'validate'"
            )
        return self._lasting(
            f"fails the TLS handshake ({error.reason}). If it does not use TLS, write http:// in {HOST_PORT}"
        )

    def _redirects(self, answer: Answer) -> ServerError:
        # Without path and query, which may hold tokens of a login page.
        target = urlsplit(answer.location)
        where = (
            f"{target.scheme}://{target.netloc.rpartition('@')[2][:_LONGEST_HOST]}"
            if target.netloc
            else "another path of its own"
        )
        return self._lasting(
            f"redirects to {where} ({answer.status}), and redirects are not followed. Write the final address into "
            f"{HOST_PORT}, or remove the login page in front of it"
        )

    def _lasting(self, problem: str) -> ServerError:
        return ServerError(f"{self._server} {problem}")

    def _passing(self, problem: str) -> ServerUnavailable:
        return ServerUnavailable(f"{self._server} {problem}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__
