"""
HTTP calls to the OpenMetadata server of a config's connection, each with a limit of time and size.

An HTTP client's time-out is for each step, so a server that sends a byte now and then can block its caller for days.
Any config may name such a server. So here the time of the whole call is limited, and the size of the answer.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx

from dag_factory.configs.document import Document
from dag_factory.errors import ConfigError, ServerError
from dag_factory.portable.secrets.detection import MANAGED_MARK
from dag_factory.reporting.certificates import verify

HOST_PORT = "openMetadataServerConnection.hostPort"

LONGEST_ANSWER = 16 * 1024 * 1024
"""In bytes."""

# openmetadata-ingestion takes a token that begins with one of these for the name of a file.
_FILE_MARKS = ("/", "~", ".")

# Events of httpcore after which a call uses another socket. Their prefix says what has it: "connection", or for a proxy
# "proxy" or "socks", which speak TLS to the server after the proxy has connected them.
_HAS_SOCKET = (".connect_tcp.complete", ".connect_unix_socket.complete", ".start_tls.complete")

# What httpx raises where an address or a proxy is invalid, such as NO_PROXY with an IPv6 network, or where the package
# for a SOCKS proxy is missing.
_NO_WAY = (httpx.InvalidURL, ImportError, ValueError, TypeError)

_SOURCES = "Connection instead, or set [openmetadata_dag_factory] openmetadata_conn_id"


@dataclass(frozen=True)
class Answer:
    """A server's answer; ``location`` is the target of a redirect, ``date`` is the server's own time."""

    status: int
    content: bytes
    location: str = ""
    date: str = ""

    @property
    def is_success(self) -> bool:
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    def object(self) -> Document | None:
        """
        Return the JSON object of the answer, None where it is other JSON.

        :raises ValueError: where it is not JSON
        """
        found = self.json()
        return found if isinstance(found, dict) and found else None

    def json(self) -> Any:
        """
        Return the JSON of the answer, None where it is empty.

        :raises ValueError: where it is not JSON
        """
        try:
            return json.loads(self.content) if self.content else None
        except RecursionError:
            raise ValueError("The answer is nested too deeply") from None


class ServerClient:
    """
    Calls one OpenMetadata server. It follows no redirects, which would send the token elsewhere.

    :param connection: an ``openMetadataServerConnection``, its references resolved
    :param token: the Bearer token to send
    :param seconds: for which a call waits: to connect, and then for the whole answer
    :raises ConfigError: where the connection has no valid address of a server
    :raises ServerError: where it can't be used for another reason
    """

    def __init__(self, connection: Document, *, token: str | None, seconds: float) -> None:
        address = _address(connection)
        version = connection.get("apiVersion") or "v1"
        self._seconds = seconds
        self._socket: socket.socket | None = None
        self._overdue = threading.Event()
        try:
            headers = httpx.Headers(_headers(connection, token))
            trusted = verify(connection)
        except (OSError, ValueError, TypeError, KeyError) as error:
            # The text of these errors may quote a header, and so a token.
            raise ServerError(
                f"openMetadataServerConnection can't be used: {type(error).__name__}. "
                "Check its token, extraHeaders and sslConfig"
            ) from None
        try:
            self._http = httpx.Client(
                # Credentials in the URL replace the token, as with openmetadata-ingestion; httpx would log them.
                base_url=f"{str(address.copy_with(userinfo=b'')).rstrip('/')}/{version}",
                auth=(address.username, address.password) if address.userinfo else None,
                headers=headers,
                verify=trusted,
                timeout=seconds,
                follow_redirects=False,
            )
        except _NO_WAY as error:
            raise _no_way(error) from None

    def close(self) -> None:
        self._http.close()

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """
        Send a request, its body as JSON, and return the whole answer, whatever its status.

        :raises httpx.HTTPError: where no whole answer comes
        :raises ServerError: where the request can't be sent, since its address is invalid
        """
        try:
            return self._ask(method, path, body)
        except _NO_WAY as error:
            raise _no_way(error) from None

    def _ask(self, method: str, path: str, body: Any) -> Answer:
        extensions = {"trace": self._note_socket}
        with (
            self._alarm(),
            self._http.stream(method, path, json=body, extensions=extensions) as response,
        ):
            content = bytearray()
            # Not decompressed: a few compressed bytes may stand for gigabytes, and no compression was asked for.
            for piece in response.iter_raw():
                content += piece
                if len(content) > LONGEST_ANSWER:
                    raise httpx.DecodingError("The answer is too long")
            headers = response.headers
            return Answer(response.status_code, bytes(content), headers.get("Location", ""), headers.get("Date", ""))

    @contextmanager
    def _alarm(self) -> Iterator[None]:
        """End what is done in the context when its time is over, by shutting down its connection."""
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
        if event.endswith(_HAS_SOCKET):
            self._socket = info["return_value"].get_extra_info("socket")
            if self._overdue.is_set():
                _shut(self._socket)


def token_of(connection: Document) -> str | None:
    """
    Return the token of a connection, None where it has none.

    :raises ServerError: where only openmetadata-ingestion can read the token
    """
    security = connection.get("securityConfig")
    token = security.get("jwtToken") if isinstance(security, dict) else None
    if not isinstance(token, str) or not token:
        return None
    if token.startswith(MANAGED_MARK):
        raise ServerError(
            "the token is in OpenMetadata's secrets manager, which only openmetadata-ingestion can read. "
            f"Refer to a {_SOURCES}"
        )
    if token.startswith(_FILE_MARKS):
        # openmetadata-ingestion takes it for a file. In the scheduler and the API server, a user who may deploy a
        # config could have any file sent to a server of their own.
        raise ServerError(f"the token is in a file, which only openmetadata-ingestion reads. Refer to a {_SOURCES}")
    return token


def shown(connection: Document) -> str:
    """Return host and port of a connection's server, without credentials, to show to people."""
    netloc = urlsplit(str(connection.get("hostPort") or "")).netloc
    return netloc.rpartition("@")[2] or "without a host"


def _address(connection: Document) -> httpx.URL:
    host_port = connection.get("hostPort")
    with suppress(ValueError, httpx.InvalidURL):
        parts = urlsplit(host_port if isinstance(host_port, str) else "")
        url = httpx.URL(str(host_port))
        # urlsplit refuses a port that is too high, which httpx would take for another.
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
        # As in openmetadata-ingestion: "%(Authorization)s" stands for a header.
        headers |= {name: str(value) % headers if "%" in str(value) else value for name, value in extra.items()}
    return headers


def _no_way(error: Exception) -> ServerError:
    # The text of these errors may quote the address.
    return ServerError(
        f"the OpenMetadata server can't be called: {type(error).__name__}. Check the server's address, its apiVersion, "
        "the length of the pipeline's name, and the proxy variables HTTP_PROXY, HTTPS_PROXY and NO_PROXY"
    )


def _shut(connection: socket.socket | None) -> None:
    if connection is not None:
        with suppress(OSError):
            # A TLS socket's own shutdown would first detach its TLS, while another thread reads.
            socket.socket.shutdown(connection, socket.SHUT_RDWR)
