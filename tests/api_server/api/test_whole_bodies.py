"""Bodies that are too large, too slow, or have no end: against the web server that Airflow's API server runs on."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.gzip import GZipMiddleware

from dag_factory.api_server.api.answers import answer_errors
from dag_factory.api_server.api.app import PREFIX, create_app
from dag_factory.api_server.api.whole_bodies import SMALL, WholeBodies
from dag_factory.store.folder.folder_store import FolderStore
from sandbox.stack import free_port
from tests.airflow_versions import AUTH_MANAGER
from tests.places import ROOT
from tests.serving import serving

# Airflow imports the test client of an HTTP library that is about to be replaced.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")

SAMPLE = (ROOT / "configs" / "sample_sqlite_metadata.json").read_bytes()
MEGABYTE = b" " * 2**20
TOKEN = "Authorization: Bearer token"
CLOSE = "Connection: close"
DEPLOY = f"{PREFIX}/deploy"


class Everybody:
    async def get_user_from_token(self, token: str) -> object:
        return token

    def is_authorized_dag(self, **_: object) -> bool:
        return True


class Around(BaseHTTPMiddleware):
    """What Airflow has around what is mounted in it: a middleware of this kind, and compression."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        return await call_next(request)


@contextmanager
def served(app: FastAPI, http: Any = "httptools") -> Iterator[int]:
    """Serve an app as Airflow's API server is served; yield the port."""
    around = FastAPI()
    around.mount(PREFIX, app)
    around.add_middleware(Around)
    around.add_middleware(GZipMiddleware, minimum_size=1024)
    port = free_port()
    with serving(around, port, http):
        yield port


@contextmanager
def our_api(folder: Path, http: Any, seconds: float) -> Iterator[int]:
    """Serve our API, where a body may take some seconds and anybody with a token may do everything."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AUTH_MANAGER, Everybody())
        app = create_app(airflow=FastAPI, store=lambda: FolderStore(folder), body_seconds=seconds)
        with served(app, http) as port:
            yield port


@pytest.fixture(scope="module", params=["httptools", "h11"])
def port(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of our API, which waits long: a busy machine is slow."""
    with our_api(tmp_path_factory.mktemp("configs"), request.param, 300.0) as port:
        yield port


@pytest.fixture(scope="module", params=["httptools", "h11"])
def hasty_port(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of our API, where a body may take a second."""
    with our_api(tmp_path_factory.mktemp("configs"), request.param, 1.0) as port:
        yield port


class Connection:
    """One connection of a simple client: it sends whatever it has before it reads, as most do."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._answers = self._socket.makefile("rb")

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._answers.close()
        self._socket.close()

    def head(self, *lines: str, path: str = DEPLOY) -> None:
        kind = "Content-Type: application/json"
        self._socket.sendall("\r\n".join([f"POST {path} HTTP/1.1", "Host: any", kind, *lines, "", ""]).encode())

    def send(self, piece: bytes) -> None:
        self._socket.sendall(piece)

    def chunk(self, piece: bytes) -> None:
        self._socket.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))

    def answer(self) -> tuple[int, dict[str, str], Any]:
        status = int(self._answers.readline().split()[1])
        headers = {}
        while line := self._answers.readline().decode().strip():
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        length = int(headers.get("content-length", 0))
        return status, headers, json.loads(self._answers.read(length)) if length else None

    def is_closed(self) -> bool:
        """Wait until the server has closed the connection."""
        try:
            return self._answers.read(1) == b""
        except ConnectionResetError:
            return True


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
@pytest.mark.parametrize(("line", "status"), [(TOKEN, 413), ("X-Nothing: 1", 401), ("Sec-Fetch-Site: cross-site", 403)])
def test_who_sends_40_megabytes_and_then_closes_reads_the_answer(
    port: int, announced: bool, line: str, status: int
) -> None:
    with Connection(port) as client:
        client.head(line, CLOSE, f"Content-Length: {40 * 2**20}" if announced else "Transfer-Encoding: chunked")
        for _ in range(40):
            (client.send if announced else client.chunk)(MEGABYTE)
        if not announced:
            client.chunk(b"")
        found, _, body = client.answer()
        assert found == status
        assert body["error"]
        assert client.is_closed()


def test_the_next_call_on_the_same_connection_is_answered_after_a_body_that_was_too_large(port: int) -> None:
    with Connection(port) as client:
        for _ in range(3):
            client.head(TOKEN, f"Content-Length: {3 * 2**20}")
            client.send(MEGABYTE * 3)
            assert client.answer()[0] == 413
        client.head(TOKEN, f"Content-Length: {len(SAMPLE)}")
        client.send(SAMPLE)
        assert client.answer()[0] == 200


def test_who_asks_first_is_refused_before_they_send(port: int) -> None:
    with Connection(port) as client:
        client.head(TOKEN, f"Content-Length: {40 * 2**20}", "Expect: 100-continue")
        status, headers, _ = client.answer()
        # Whatever it then sends is no request.
        assert (status, headers["connection"]) == (413, "close")
        assert client.is_closed()


def test_who_asks_first_and_may_is_told_to_go_on(port: int) -> None:
    with Connection(port) as client:
        client.head(TOKEN, f"Content-Length: {len(SAMPLE)}", "Expect: 100-continue")
        assert client.answer()[0] == 100
        client.send(SAMPLE)
        assert client.answer()[0] == 200


@pytest.mark.slow
@pytest.mark.parametrize("lines", [["Content-Length: 100"], ["Transfer-Encoding: chunked"]])
def test_a_body_that_never_comes_to_its_end_is_answered_408_and_the_connection_closed(
    hasty_port: int, lines: list[str]
) -> None:
    with Connection(hasty_port) as client:
        client.head(TOKEN, *lines)
        status, headers, body = client.answer()
        assert (status, headers["connection"]) == (408, "close")
        assert body == {"error": "The body was not complete within 1 s. Send it again, faster."}
        assert client.is_closed()


def test_a_body_that_comes_in_drips_has_no_more_time_than_any_other(hasty_port: int) -> None:
    with Connection(hasty_port) as client:
        client.head(TOKEN, "Transfer-Encoding: chunked")
        stop = threading.Event()

        def drip() -> None:
            while not stop.wait(0.05):
                try:
                    client.chunk(b" ")
                except OSError:
                    return

        dripping = threading.Thread(target=drip)
        dripping.start()
        assert client.answer()[0] == 408
        assert client.is_closed()
        stop.set()
        dripping.join()


def test_without_credentials_a_slow_body_ends_as_well(hasty_port: int) -> None:
    with Connection(hasty_port) as client:
        client.head("Content-Length: 100")
        status, headers, _ = client.answer()
        assert (status, headers["connection"]) == (401, "close")
        assert client.is_closed()


def test_a_body_without_end_is_not_read_for_ever(port: int) -> None:
    with Connection(port) as client, pytest.raises(OSError):
        client.head("Transfer-Encoding: chunked")
        while True:
            client.chunk(MEGABYTE)


def test_a_client_that_breaks_off_is_no_error_of_ours(port: int, caplog: pytest.LogCaptureFixture) -> None:
    with Connection(port) as client:
        client.head(TOKEN, "Content-Length: 100")
        client.send(b"half")
    with Connection(port) as client:
        client.head(TOKEN, f"Content-Length: {len(SAMPLE)}")
        client.send(SAMPLE)
        assert client.answer()[0] == 200
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.fixture
def lane() -> Iterator[tuple[int, Callable[[], None]]]:
    """The port of an app that has room for one large body, and what lets its calls end."""
    go_on = threading.Event()
    app = FastAPI()
    answer_errors(app)

    @app.post("/deploy")
    async def call(request: Request) -> int:
        size = len(await request.body())
        while size > SMALL and not go_on.is_set():
            await asyncio.sleep(0.02)
        return size

    app.add_middleware(WholeBodies, seconds=1.0, large_at_once=1)
    with served(app) as port:
        yield port, go_on.set


def test_of_large_bodies_only_some_are_in_memory_and_small_ones_pass_them(
    lane: tuple[int, Callable[[], None]],
) -> None:
    port, go_on = lane
    with Connection(port) as first, Connection(port) as second, Connection(port) as small:
        first.head(f"Content-Length: {len(MEGABYTE)}")
        first.send(MEGABYTE)
        second.head(f"Content-Length: {len(MEGABYTE)}")
        second.send(MEGABYTE)
        small.head(f"Content-Length: {SMALL}")
        small.send(b"x" * SMALL)
        assert small.answer()[0] == 200
        status, _, body = second.answer()
        assert (status, body) == (503, {"error": "Too many large bodies are being read. Retry later."})
        go_on()
        assert first.answer()[2] == len(MEGABYTE)
    with Connection(port) as third:
        third.head(f"Content-Length: {len(MEGABYTE)}")
        third.send(MEGABYTE)
        assert third.answer()[0] == 200
