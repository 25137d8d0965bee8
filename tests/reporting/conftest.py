from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import pytest


class StatusServer(ThreadingHTTPServer):
    """
    The two calls of an OpenMetadata server, as it answers them.

    ``statuses`` are those of the runs, by pipeline and run; ``refuses`` is a status with which every call is answered
    instead, ``says`` a body; ``waits`` are the seconds until an answer.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses: dict[tuple[str, str], dict[str, Any]] = {}
        self.refuses: int | None = None
        self.says: bytes | None = None
        self.waits = 0.0
        self.calls: list[str] = []
        self.headers: dict[str, str] = {}

    @property
    def host_port(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/api"

    def connection(self, **fields: Any) -> dict[str, Any]:
        security = {"authProvider": "openmetadata", "securityConfig": {"jwtToken": "the-token"}}
        return {"hostPort": self.host_port, **security, **fields}


class Handler(BaseHTTPRequestHandler):
    server: StatusServer

    def do_GET(self) -> None:
        *_, pipeline, _, run = map(unquote, self.path.split("/"))
        self.answer(self.server.statuses.get((pipeline, run)))

    def do_PUT(self) -> None:
        *_, pipeline, _ = map(unquote, self.path.split("/"))
        status = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.refuses is None:
            self.server.statuses[pipeline, status["runId"]] = status
        self.answer(status)

    def answer(self, body: dict[str, Any] | None) -> None:
        time.sleep(self.server.waits)
        self.server.calls.append(f"{self.command} {self.path}")
        self.server.headers = dict(self.headers)
        data = self.server.says or (json.dumps(body).encode() if body else b"")
        self.send_response(self.server.refuses or (200 if data else 204))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        with suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def server() -> Iterator[StatusServer]:
    with StatusServer() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()
