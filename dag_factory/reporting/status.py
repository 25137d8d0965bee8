"""A client for the two calls by which an OpenMetadata server is asked and told the state of a run."""

from __future__ import annotations

import os
import ssl
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential

from dag_factory.document import Document
from dag_factory.errors import StatusError
from dag_factory.workflow.status import PASSING, ended, has_ended, status_path


class StatusClient:
    """
    Speaks for the runs of pipelines, where openmetadata-ingestion can't or is not installed.

    :param connection: an ``openMetadataServerConnection``, its references resolved
    :param timeout: seconds for each step of a call: to connect, to send, to wait for an answer
    :raises StatusError: where the connection holds no token that can be read here
    """

    def __init__(self, connection: Document, *, timeout: float = 5.0) -> None:
        version = connection.get("apiVersion") or "v1"
        extra_headers = connection.get("extraHeaders")
        headers = {**extra_headers} if isinstance(extra_headers, dict) else {}
        if token := _token(connection):
            headers["Authorization"] = f"Bearer {token}"
        try:
            self._http = httpx.Client(
                base_url=f"{str(connection['hostPort']).rstrip('/')}/{version}",
                headers=headers,
                verify=_verify(connection),
                timeout=timeout,
            )
        except (OSError, ValueError, TypeError, httpx.InvalidURL) as error:
            # The text of these may quote a header, so a token.
            raise StatusError(
                f"openMetadataServerConnection can't be used: {type(error).__name__}", passing=False
            ) from None

    def __enter__(self) -> StatusClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

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
        self._ask("PUT", path, json=ended(known, run_id, state, reason=reason, started=started, at=at))
        return state

    def _ask(self, method: str, path: str, **options: Any) -> Document | None:
        """Send a request and return the JSON object of its answer, None where the answer holds none."""
        try:
            response = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise StatusError(
                f"the OpenMetadata server does not answer: {type(error).__name__}", passing=True
            ) from None
        if response.is_success:
            return _object(response)
        passing = response.status_code in PASSING or response.is_server_error
        raise StatusError(f"the OpenMetadata server answers {response.status_code}", passing=passing)


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


def _object(response: httpx.Response) -> Document | None:
    try:
        found = response.json() if response.content else None
    except ValueError:
        # Such as the page of a proxy.
        raise StatusError("the OpenMetadata server answers something else than JSON", passing=True) from None
    return found if isinstance(found, dict) and found else None


def _token(connection: Document) -> str | None:
    security = connection.get("securityConfig")
    token = security.get("jwtToken") if isinstance(security, dict) else None
    if not isinstance(token, str) or not token:
        return None
    if token.startswith("secret:"):
        raise StatusError(
            "the token stands in OpenMetadata's secrets manager, which only openmetadata-ingestion can read",
            passing=False,
        )
    if token.startswith(("/", "~", ".")):
        # openmetadata-ingestion takes it for a file. In the scheduler and the API server, whoever may deploy a config
        # could have any file sent to a server of theirs.
        raise StatusError("the token stands in a file, which only openmetadata-ingestion reads", passing=False)
    return token


def _verify(connection: Document) -> bool | ssl.SSLContext:
    mode = connection.get("verifySSL")
    if mode == "ignore":
        return False
    own = connection.get("sslConfig")
    authority = own.get("caCertificate") if mode == "validate" and isinstance(own, dict) else None
    # The variable is the one that openmetadata-ingestion's own client goes by.
    authority = authority or os.environ.get("REQUESTS_CA_BUNDLE")
    if not authority:
        return True
    if str(authority).startswith("-----BEGIN"):
        return ssl.create_default_context(cadata=authority)
    return ssl.create_default_context(cafile=authority)
