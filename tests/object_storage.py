"""A server of the S3 protocol, moto's, as a process of its own; and a proxy before it that fails on demand."""

from __future__ import annotations

import http.client
import json
import os
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import pytest

from sandbox.process import Process
from sandbox.stack import free_port
from tests.waiting import wait_for

KEY_ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "canary/of-the-bucket/bPxRfiCYEXAMPLEKEY"


def refusal(status: int, code: str) -> tuple[int, bytes]:
    """Return the answer of a server that refuses a request."""
    return status, f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>canary</Message></Error>".encode()


SLOW_DOWN = refusal(503, "SlowDown")
"""Clients retry after it, for a second or two."""
REFUSED = refusal(400, "InvalidRequest")
"""Clients give up at once."""


class S3:
    """A running server; nothing of it outlives the process."""

    def __init__(self, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        self.port = port
        self.connection = connection_to(self.endpoint)

    def bucket(self) -> str:
        """Return the name of a new bucket."""
        name = f"bucket-{uuid4().hex}"
        self.request("PUT", f"/{name}")
        return name

    def drop_bucket(self, bucket: str) -> None:
        """Remove an empty bucket."""
        self.request("DELETE", f"/{bucket}")

    def put(self, bucket: str, key: str, data: bytes) -> None:
        """Write an object."""
        self.request("PUT", f"/{bucket}/{urllib.parse.quote(key)}", data)

    def remove(self, bucket: str, key: str) -> None:
        """Remove an object."""
        self.request("DELETE", f"/{bucket}/{urllib.parse.quote(key)}")

    def get(self, bucket: str, key: str) -> bytes:
        """Return what an object holds."""
        return self.request("GET", f"/{bucket}/{urllib.parse.quote(key)}")

    def request(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
        """Send a request that nobody has signed, as somebody does who puts objects into a bucket by hand."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        # The server takes what is signed for by one of its accounts, and what isn't signed only for public buckets.
        signed = {"Authorization": f"AWS4-HMAC-SHA256 Credential={KEY_ID}/20260101/us-east-1/s3/aws4_request"}
        connection.request(method, path, body, {**signed, **(headers or {})})
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status < 300, (method, path, answer.status, content)
        connection.close()
        return content


def connection_to(endpoint: str) -> str:
    """Return the Airflow Connection to a server, as an environment variable holds it."""
    extra = {"endpoint_url": endpoint, "region_name": "us-east-1"}
    return json.dumps({"conn_type": "aws", "login": KEY_ID, "password": SECRET, "extra": extra})


@contextmanager
def served(log: Path) -> Iterator[S3]:
    """Run a server."""
    port = free_port()
    program = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    # It ends with the tests, even where these are killed.
    process = Process(program, env=os.environ, log=log)
    try:
        wait_for(lambda: _answers(port))
        yield S3(port)
    finally:
        process.stop()


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """A server of the S3 protocol; each test takes a bucket of its own."""
    with served(tmp_path_factory.mktemp("s3") / "log") as server:
        yield server


def _answers(port: int) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/moto-api/data.json")
        return connection.getresponse().status == 200
    except OSError:
        return False


Fault = Callable[["Request"], "float | tuple[int, bytes] | None"]
"""What happens to a request: None to pass it on, a status and a body to answer, or seconds to wait before it."""


class Request:
    """
    A request that came to the proxy.

    :param path: with its query
    """

    def __init__(self, method: str, path: str) -> None:
        self.method = method
        self.path = path


class Proxy:
    """Passes requests on to a server; notes them, and lets those fail that `fault` picks."""

    def __init__(self, port: int) -> None:
        self.fault: Fault | None = None
        self.loses_answers = False
        """Whether requests are passed on, and their answers are not."""
        self.requests: list[Request] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments: object) -> None:
                pass

            def pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = Request(self.command, self.path)
                proxy.requests.append(request)
                fault = proxy.fault(request) if proxy.fault is not None else None
                if isinstance(fault, tuple):
                    self.answer(fault[0], {"Content-Type": "application/xml"}, fault[1])
                    return
                if fault is not None:
                    time.sleep(fault)
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                connection.request(self.command, self.path, body, dict(self.headers))
                found = connection.getresponse()
                content = found.read()
                connection.close()
                if proxy.loses_answers:
                    self.close_connection = True
                    return
                hop = {"connection", "transfer-encoding", "content-length", "server", "date"}
                headers = {name: value for name, value in found.getheaders() if name.lower() not in hop}
                length = found.getheader("Content-Length") if self.command == "HEAD" else None
                self.answer(found.status, headers, content, length)

            def answer(self, status: int, headers: dict[str, str], content: bytes, length: str | None = None) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", length or str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = pass_on  # noqa: N815 - http.server's names

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *arguments: object) -> None:
                pass  # the other end has given up

        self._server = Server(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
