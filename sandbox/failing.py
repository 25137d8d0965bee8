"""Servers that fail, each in one way, on 127.0.0.1; and certificates that no client should trust."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

VERSION = b'{"version": "2.0.6"}'
HTML = b"<!doctype html><html><body>Please log in</body></html>"

Speak = Callable[[socket.socket], None]
Running = TypeVar("Running", bound=ThreadingHTTPServer)


@dataclass(frozen=True)
class Reply:
    """What an `HttpServer` answers to one path."""

    status: int = 200
    body: bytes = VERSION
    headers: dict[str, str] = field(default_factory=dict)
    after: float = 0.0


class HttpServer(ThreadingHTTPServer):
    """Answers by path, and any other path with ``otherwise``; remembers each request's line and token."""

    daemon_threads = True

    def __init__(self, replies: dict[str, Reply] | None = None, *, otherwise: Reply | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies = replies or {}
        self.otherwise = otherwise or Reply()
        self.requests: list[str] = []
        self.tokens: list[str | None] = []
        self.headers: dict[str, str] = {}

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: that clients leave is why these servers are there."""


class _Handler(BaseHTTPRequestHandler):
    server: HttpServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.requests.append(f"{self.command} {self.path}")
        self.server.tokens.append(self.headers.get("Authorization"))
        self.server.headers = dict(self.headers)
        reply = self.server.replies.get(self.path.partition("?")[0], self.server.otherwise)
        time.sleep(reply.after)
        with suppress(ConnectionError):
            # The other one sends the present date.
            send = self.send_response_only if "Date" in reply.headers else self.send_response
            send(reply.status)
            self.send_header("Content-Length", str(len(reply.body)))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def running(server: Running) -> Iterator[Running]:
    """Let a server answer for as long as the context lasts."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def dying() -> HttpServer:
    """Return a server that answers the calls before a run, and then accepts connections and never answers."""
    alive = dict.fromkeys(["/api/v1/system/version", "/api/v1/users/loggedInUser"], Reply())
    return HttpServer(alive, otherwise=Reply(after=3600))


class SocketServer(socketserver.ThreadingTCPServer):
    """Treats each connection in one way, and counts them."""

    daemon_threads = True
    allow_reuse_address = True
    # Threads that hold a connection for ever are not waited for.
    block_on_close = False

    def __init__(self, speak: Speak, *, port: int = 0) -> None:
        self.connections = 0

        class Connection(socketserver.BaseRequestHandler):
            def handle(handler) -> None:  # noqa: N805 - the server is `self` here
                self.connections += 1
                with suppress(OSError):
                    speak(handler.request)

        super().__init__(("127.0.0.1", port), Connection)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: that clients leave is why these servers are there."""

    def __enter__(self) -> SocketServer:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


def hang(connection: socket.socket) -> None:
    """Accept, read what comes, and never answer."""
    while connection.recv(65536):
        pass


def drip_headers(connection: socket.socket) -> None:
    """Send a header that never ends, a byte at a time."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def drip_body(connection: socket.socket) -> None:
    """Send a body that never ends, a byte at a time."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.05)


def flood(connection: socket.socket) -> None:
    """Send an endless body as fast as the client reads."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b" " * 1_000_000)


def close_at_once(connection: socket.socket) -> None:
    """Close without a word."""
    connection.recv(65536)


def close_midway(connection: socket.socket) -> None:
    """Announce a longer body than is sent."""
    connection.recv(65536)
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"version": ')


def reset(connection: socket.socket) -> None:
    """Reset the connection."""
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    connection.close()


def tunnel_to(port: int) -> Speak:
    """Return what a proxy does that connects each client to a port of 127.0.0.1, whatever server it names."""

    def speak(client: socket.socket) -> None:
        asked = b""
        while b"\r\n\r\n" not in asked:
            piece = client.recv(65536)
            if not piece:
                return
            asked += piece
        with socket.create_connection(("127.0.0.1", port)) as server:
            client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            threading.Thread(target=_pass_on, args=(server, client), daemon=True).start()
            _pass_on(client, server)

    return speak


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    """Send what comes from one connection to another, until one of them ends, which ends both."""
    with suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    for connection in (source, target):
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


class Authority:
    """A certificate authority for a test."""

    def __init__(self, folder: Path, name: str = "Test CA") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._signed(self._name, self._key, is_authority=True)
        self.path = folder / f"{name}.pem"
        self.path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def context(self, host: str = "127.0.0.1", *, days: int = 30) -> ssl.SSLContext:
        """Return a server's context with a certificate for a host, valid for ``days``; expired if they are negative."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        certificate = self._signed(name, key, host=host, days=days)
        path = self._folder / f"{host}{days}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _signed(
        self,
        name: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        host: str = "",
        days: int = 30,
        is_authority: bool = False,
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.timezone.utc)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=60))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        if is_authority:
            usage = x509.KeyUsage(*(n in (5, 6) for n in range(9)))
            certificate = certificate.add_extension(usage, critical=True)
        if host:
            names = x509.SubjectAlternativeName([_alternative(host)])
            certificate = certificate.add_extension(names, critical=False)
        return certificate.sign(self._key, hashes.SHA256())


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def behind_tls(server: HttpServer | SocketServer, context: ssl.SSLContext) -> None:
    """Let a server speak TLS. It must not run yet."""
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
