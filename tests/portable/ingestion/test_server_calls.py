"""Calls to the OpenMetadata server within a run: they end in time, and a server that went away is given up."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from dag_factory.portable.ingestion.server_calls import PROBE_SECONDS, ServerCalls, within_time
from sandbox.failing import HttpServer, Reply, SocketServer, hang, running

OVER = time.monotonic() - 1
"""When the time of a run is over that began long ago."""


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


def answer(status: int = 200) -> Callable[[tuple[float, float]], requests.Response]:
    def call(_: tuple[float, float]) -> requests.Response:
        response = requests.Response()
        response.status_code = status
        return response

    return call


def silence(_: tuple[float, float]) -> requests.Response:
    raise requests.exceptions.ReadTimeout


def timeouts(calls: ServerCalls) -> tuple[float, float]:
    """Return the seconds that a call is given."""
    given: list[tuple[float, float]] = []

    def call(timeout: tuple[float, float]) -> requests.Response:
        given.append(timeout)
        return answer()(timeout)

    calls.send(call)
    return given[0]


def fail(calls: ServerCalls, call: Callable[..., requests.Response] = silence) -> None:
    with pytest.raises(requests.exceptions.ReadTimeout):
        calls.send(call)


def calls_to(port: int = 1, **options: Any) -> ServerCalls:
    return ServerCalls(f"http://user:canary@127.0.0.1:{port}/api", **options)


def test_a_server_that_is_silent_for_long_is_given_up_and_calls_fail_at_once() -> None:
    calls = calls_to(give_up=0)
    fail(calls)
    asked: list[object] = []
    with pytest.raises(requests.exceptions.ConnectionError, match=r"server 127\.0\.0\.1:1 went away during the run"):
        calls.send(lambda timeout: asked.append(timeout) or answer()(timeout))  # type: ignore[func-returns-value]
    assert asked == []
    assert "Run the pipeline again" in str(calls.problem)
    assert "canary" not in str(calls.problem)


def test_one_that_is_silent_for_a_moment_is_not() -> None:
    calls = calls_to()
    fail(calls)
    assert calls.problem is None
    assert timeouts(calls) == (10, 300)


def test_silence_is_counted_from_the_last_answer_of_any_call() -> None:
    calls = calls_to(give_up=0.2)

    def answered_meanwhile(timeout: tuple[float, float]) -> requests.Response:
        time.sleep(0.4)
        calls.send(answer())
        return silence(timeout)

    fail(calls, answered_meanwhile)
    assert calls.problem is None


def test_what_was_long_before_the_call_is_no_silence() -> None:
    calls = calls_to(give_up=0.2)
    calls.send(answer())
    time.sleep(0.4)
    fail(calls)
    assert calls.problem is None


@pytest.mark.parametrize(("status", "is_away"), [(502, True), (503, True), (504, True), (500, False), (404, False)])
def test_a_proxy_that_says_so_speaks_for_a_server_that_is_away(status: int, is_away: bool) -> None:
    calls = calls_to(give_up=0)
    calls.send(answer(status))
    assert (calls.problem is not None) is is_away


def test_now_and_then_a_short_call_finds_out_whether_it_is_back(time_passes: Callable[[float], None]) -> None:
    calls = calls_to(give_up=0)
    fail(calls)
    time_passes(PROBE_SECONDS + 1)
    assert timeouts(calls) == (5, 5)
    assert calls.problem is None
    assert timeouts(calls) == (10, 300)


def test_while_it_is_not_back_only_one_call_asks(time_passes: Callable[[float], None]) -> None:
    calls = calls_to(give_up=0)
    fail(calls)
    time_passes(PROBE_SECONDS + 1)
    fail(calls)
    with pytest.raises(requests.exceptions.ConnectionError, match="went away during the run"):
        calls.send(answer())


@pytest.fixture
def time_passes(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    def let_pass(seconds: float) -> None:
        now = time.monotonic
        monkeypatch.setattr(time, "monotonic", lambda: now() + seconds)

    return let_pass


def test_a_call_repeated_once_ends_soon_after_the_run_s_time() -> None:
    connect, read = timeouts(calls_to(ends_at=time.monotonic() + 100))
    assert connect == 10
    assert 2 * read <= 100 + 2 * 5
    assert timeouts(calls_to(ends_at=OVER)) == (5, 5)
    assert timeouts(calls_to(ends_at=time.monotonic() + 10_000)) == (10, 300)


def test_once_the_run_s_time_is_over_no_server_is_waited_for_twice() -> None:
    calls = calls_to(ends_at=OVER)
    fail(calls)
    with pytest.raises(requests.exceptions.ConnectionError, match="went away during the run"):
        calls.send(answer())


def test_a_client_s_own_shorter_time_out_stays() -> None:
    with SocketServer(hang) as server, within_time(calls_to(server.port)):
        for own in (0.1, (5, 0.1), (None, 0.1)):
            with pytest.raises(requests.exceptions.ReadTimeout):
                requests.get(f"http://127.0.0.1:{server.port}/api", timeout=own)


def test_every_client_of_the_process_is_bound_and_others_are_left_alone() -> None:
    calls = calls_to(1, give_up=0)
    fail(calls)
    with running(HttpServer(otherwise=Reply())) as other, within_time(calls):
        with pytest.raises(requests.exceptions.ConnectionError, match="went away during the run"):
            requests.get("HTTP://127.0.0.1:1/api/v1/tables", timeout=5)
        assert requests.get(f"http://127.0.0.1:{other.port}/", timeout=5).status_code == 200
    with pytest.raises(requests.exceptions.ConnectionError, match="refused"):
        requests.get("http://127.0.0.1:1/api", timeout=5)


@pytest.mark.ingestion
@pytest.mark.filterwarnings("ignore")
def test_the_client_of_openmetadata_ingestion_is_among_them() -> None:
    from metadata.ingestion.ometa.client import REST, ClientConfig, RestTransportError

    with SocketServer(hang) as server:
        calls = calls_to(server.port, ends_at=OVER)
        client = REST(ClientConfig(base_url=f"http://127.0.0.1:{server.port}/api"))
        began = time.monotonic()
        with within_time(calls), pytest.raises(RestTransportError):
            client.get("/tables")
        # Without, it would be ten minutes.
        assert time.monotonic() - began < 300
        client.close()
