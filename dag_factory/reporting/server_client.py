"""
HTTP calls to an OpenMetadata server as a config's connection describes it: each ends within a known time.

A time-out of an HTTP client is one for each step, so a server that sends a byte now and then holds its caller for
days. Any config may name such a server. So here a call as a whole is limited in time, and an answer in size.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from dag_factory.configs.document import Document
from dag_factory.errors import ConfigError, ServerError

HOST_PORT = "openMetadataServerConnection.hostPort"

LONGEST_ANSWER = 16 * 1024 * 1024
"""In bytes."""

# What comes first in a token that openmetadata-ingestion takes for a file.
_FILE_MARKS = ("/", "~", ".")
_MANAGED_MARK = "secret:"

_SOURCES = "Connection instead, or set [openmetadata_dag_factory] openmetadata_conn_id"


@dataclass(frozen=True)
class Answer:
    """What a server has answered; ``location`` is where it redirects to."""

    status: int
    content: bytes
    location: str = ""

    @property
    def is_success(self) -> bool:
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    def object(self) -> Document | None:
        """
        Return the JSON object of the answer, None where it holds none.

        :raises ValueError: where it is no JSON
        """
        try:
            found = json.loads(self.content) if self.content else None
        except RecursionError:
            raise ValueError("The answer is nested too deeply") from None
        return found if isinstance(found, dict) and found else None


class ServerClient:
    """
    Calls one OpenMetadata server. It follows no redirect: the token would travel with it.

    :param connection: an ``openMetadataServerConnection``, its references resolved
    :param token: what to send as the bearer's
    :param seconds: for which a call waits: to connect, and then for the whole of the answer
    :raises ConfigError: where the connection has no address of a server
    :raises ServerError: where it can't be used for another reason
    """

    def __init__(self, connection: Document, *, token: str | None, seconds: float) -> None:
        address = _address(connection)
        version = connection.get("apiVersion") or "v1"
        self._seconds = seconds
        self._socket: socket.socket | None = None
        self._overdue = threading.Event()
        try:
            self._http = httpx.Client(
                # Credentials in it take the token's place, as with openmetadata-ingestion; httpx would log them.
                base_url=f"{str(address.copy_with(userinfo=b'')).rstrip('/')}/{version}",
                auth=(address.username, address.password) if address.userinfo else None,
                headers=_headers(connection, token),
                verify=_verify(connection),
                timeout=seconds,
                follow_redirects=False,
            )
        except (OSError, ValueError, TypeError, KeyError) as error:
            # The text of these may quote a header, so a token.
            raise ServerError(
                f"openMetadataServerConnection can't be used: {type(error).__name__}. "
                "Check its token, extraHeaders and sslConfig"
            ) from None

    def close(self) -> None:
        self._http.close()

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """
        Send a request and return the whole answer, whatever its status.

        :raises httpx.HTTPError: where there is none
        """
        extensions = {"trace": self._note_socket}
        with (
            self._alarm(),
            self._http.stream(method, path, json=body, extensions=extensions) as response,
        ):
            content = bytearray()
            # As it comes: a few bytes that are compressed may stand for gigabytes, and no such answer is asked for.
            for piece in response.iter_raw():
                content += piece
                if len(content) > LONGEST_ANSWER:
                    raise httpx.DecodingError("The answer is too long")
            return Answer(response.status_code, bytes(content), response.headers.get("Location", ""))

    @contextmanager
    def _alarm(self) -> Iterator[None]:
        """End what is done in the context when its time is over, by ending the connection that it waits for."""
        self._overdue.clear()
        alarm = threading.Timer(self._seconds, self._hang_up)
        alarm.daemon = True
        alarm.start()
        try:
            yield
        except httpx.HTTPError:
            if self._overdue.is_set():
                raise httpx.ReadTimeout("The answer takes too long") from None
            raise
        finally:
            alarm.cancel()

    def _hang_up(self) -> None:
        self._overdue.set()
        _shut(self._socket)

    def _note_socket(self, event: str, info: Mapping[str, Any]) -> None:
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._socket = info["return_value"].get_extra_info("socket")
            if self._overdue.is_set():
                _shut(self._socket)


def token_of(connection: Document) -> str | None:
    """
    Return the token of a connection, None where it has none.

    :raises ServerError: where the token stands in a place that only openmetadata-ingestion reads
    """
    security = connection.get("securityConfig")
    token = security.get("jwtToken") if isinstance(security, dict) else None
    if not isinstance(token, str) or not token:
        return None
    if token.startswith(_MANAGED_MARK):
        raise ServerError(
            "the token stands in OpenMetadata's secrets manager, which only openmetadata-ingestion can read. "
            f"Refer to a {_SOURCES}"
        )
    if token.startswith(_FILE_MARKS):
        # openmetadata-ingestion takes it for a file. In the scheduler and the API server, a user who may deploy a
        # config could have any file sent to a server of their own.
        raise ServerError(f"the token stands in a file, which only openmetadata-ingestion reads. Refer to a {_SOURCES}")
    return token


def shown(connection: Document) -> str:
    """Return where the server of a connection is, in the form that may be shown: host and port, no credentials."""
    netloc = urlsplit(str(connection.get("hostPort") or "")).netloc
    return netloc.rpartition("@")[2] or "without a host"


def _address(connection: Document) -> httpx.URL:
    host_port = connection.get("hostPort")
    with suppress(ValueError, httpx.InvalidURL):
        parts = urlsplit(host_port if isinstance(host_port, str) else "")
        url = httpx.URL(str(host_port))
        # A port that is too high, which urlsplit refuses, would be taken for another one.
        if parts.scheme.lower() in ("http", "https") and parts.port != 0 and url.host:
            return url
    raise ConfigError(
        "is not the address of a server. Write one such as https://openmetadata.example.com/api", field=HOST_PORT
    )


def _headers(connection: Document, token: str | None) -> dict[str, str]:
    headers = {"Accept-Encoding": "identity"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    extra = connection.get("extraHeaders")
    if isinstance(extra, dict):
        # As openmetadata-ingestion does it: "%(Authorization)s" stands for a header.
        headers |= {name: str(value) % headers if "%" in str(value) else value for name, value in extra.items()}
    return headers


def _verify(connection: Document) -> bool | ssl.SSLContext:
    mode = connection.get("verifySSL")
    if mode == "ignore":
        return False
    own = connection.get("sslConfig")
    authority = own.get("caCertificate") if mode == "validate" and isinstance(own, dict) else None
    # The variables are those that openmetadata-ingestion's own client goes by.
    authority = authority or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    if not authority:
        return httpx.create_ssl_context(trust_env=False)
    if str(authority).startswith("-----BEGIN"):
        return ssl.create_default_context(cadata=authority)
    if Path(authority).is_dir():
        return ssl.create_default_context(capath=authority)
    return ssl.create_default_context(cafile=authority)


def _shut(connection: socket.socket | None) -> None:
    if connection is not None:
        with suppress(OSError):
            # That of a TLS socket would let go of its TLS first, while another thread reads.
            socket.socket.shutdown(connection, socket.SHUT_RDWR)
