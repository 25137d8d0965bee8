"""The check from time to time: made by one process, kept for all, and ended by nothing that fails."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from dag_factory.api_server.sync import configured
from dag_factory.api_server.sync.difference import Difference
from dag_factory.api_server.sync.last_difference import (
    LastDifference,
    counted,
    keep,
    last_difference,
    measured,
    result_file,
)
from dag_factory.api_server.sync.periodic_check import PeriodicCheck, checking
from dag_factory.errors import ServerError
from sandbox.client import wait_until
from tests.api_server.sync.conftest import SECTION
from tests.api_server.sync.servers import Server
from tests.kills import killed_before

LONG_AGO = datetime(2020, 1, 1, tzinfo=timezone.utc)


@contextmanager
def running(compare: Callable[[threading.Event], Difference], minutes: int = 60) -> Iterator[PeriodicCheck]:
    check = PeriodicCheck(minutes, compare, look_seconds=0.01)
    check.start()
    try:
        yield check
    finally:
        check.stop()
        check.join(30)


def wait_for_result() -> LastDifference:
    return wait_until(lambda: (last_difference(), "none"), "a result", timeout=30)


def failed() -> tuple[LastDifference | None, object]:
    last = last_difference()
    return (last if last is not None and last.error else None), last


def test_a_process_that_is_killed_while_it_keeps_a_result_leaves_a_whole_one_and_nothing_for_long(
    server: Server,
) -> None:
    first, second = (LastDifference(LONG_AGO, only_here=number) for number in (1, 2))
    keep(first)
    files = set(result_file().parent.iterdir())
    for nth in range(1, 20):
        if not killed_before(nth, lambda: keep(second)):
            break
        assert last_difference() in {first, second}
        keep(first)
        assert set(result_file().parent.iterdir()) == files
    else:
        pytest.fail("it never came to its end")
    assert nth > 2
    assert last_difference() == second


def test_there_is_no_result_before_the_first_check(server: Server) -> None:
    assert last_difference() is None


def test_a_check_keeps_its_numbers_where_other_processes_read_them(server: Server) -> None:
    server.add("only_there")
    older = server.add("older")
    gone = server.add("gone")
    server.deploy(older["id"])
    server.deploy(gone["id"])
    server.change(older, loggerLevel="DEBUG")
    del server.pipelines[gone["id"]]
    with running(lambda stopped: configured.difference(stopped=stopped)):
        found = wait_for_result()
    assert (found.only_on_server, found.only_here, found.older_here, found.error) == (1, 1, 1, None)
    assert timedelta() <= datetime.now(timezone.utc) - found.checked_at < timedelta(minutes=5)


def test_a_config_that_is_only_not_marked_as_deployed_is_not_called_older(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = server.add("unflagged")
    server.deploy(pipeline["id"])
    server.change(pipeline, deployed=False)
    with running(lambda stopped: configured.difference(stopped=stopped)):
        assert wait_for_result().older_here == 1
        wait_until(lambda: ("differs from" in caplog.text or None, caplog.text), "a message", timeout=30)
    assert "1 would be changed or marked as deployed by a deploy" in caplog.text
    assert "older" not in caplog.text


def test_a_check_that_fails_says_why_and_keeps_the_numbers_before(server: Server) -> None:
    keep(LastDifference(LONG_AGO, only_here=7))

    def fail(stopped: threading.Event) -> Difference:
        raise ServerError("the server is away")

    with running(fail):
        found = wait_until(failed, "a check that fails", timeout=30)
    assert (found.only_here, found.error) == (7, "the server is away")
    assert found.checked_at > LONG_AGO


def test_the_text_of_an_unforeseen_error_is_shown_to_nobody(server: Server) -> None:
    def fail(stopped: threading.Event) -> Difference:
        raise ValueError("canary")

    with running(fail):
        assert wait_for_result().error == "ValueError"


def test_one_process_at_a_time_checks_and_another_takes_over(server: Server) -> None:
    ended = threading.Event()
    checks: list[str] = []

    def slow(stopped: threading.Event) -> Difference:
        checks.append("first")
        ended.wait(30)
        return Difference()

    def second(stopped: threading.Event) -> Difference:
        checks.append("second")
        return Difference()

    with ExitStack() as both:
        first = both.enter_context(running(slow))
        wait_until(lambda: (checks or None, checks), "the first", timeout=30)
        both.enter_context(running(second))
        threading.Event().wait(0.2)
        assert checks == ["first"]
        first.stop()
        ended.set()
        first.join(30)
        keep(LastDifference(LONG_AGO))
        wait_until(lambda: ("second" in checks or None, checks), "the second", timeout=30)


def test_none_is_made_again_before_its_time_even_by_a_process_that_starts(server: Server) -> None:
    keep(LastDifference(datetime.now(timezone.utc), only_here=3))
    checks: list[int] = []

    def count(stopped: threading.Event) -> Difference:
        checks.append(1)
        return Difference()

    with running(count):
        threading.Event().wait(0.2)
    assert checks == []
    # A clock that was set back must not end all checks.
    keep(LastDifference(datetime.now(timezone.utc) + timedelta(days=1)))
    with running(count):
        wait_until(lambda: (checks or None, checks), "a check", timeout=30)


def test_a_result_that_can_not_be_kept_is_no_reason_to_ask_again_before_its_time(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    # In place of a full disk: no file can take a folder's place.
    result_file().mkdir(parents=True)
    checks: list[int] = []

    def count(stopped: threading.Event) -> Difference:
        checks.append(1)
        return Difference()

    with running(count):
        wait_until(lambda: ("can't be kept" in caplog.text or None, caplog.text), "a message", timeout=30)
        threading.Event().wait(0.2)
        assert checks == [1]
        assert caplog.text.count("can't be kept") == 1
    caplog.clear()
    with running(count, minutes=0):
        wait_until(lambda: ("can't be kept" in caplog.text or None, caplog.text), "a message", timeout=30)
        result_file().rmdir()
        wait_for_result()


def test_a_check_ends_at_the_next_page_when_the_process_does(server: Server) -> None:
    asked = threading.Event()

    def compare(stopped: threading.Event) -> Difference:
        asked.set()
        stopped.wait(30)
        return configured.difference(stopped=stopped)

    with running(compare) as check:
        assert asked.wait(30)
        check.stop()
        check.join(30)
        assert last_difference() is None
        assert server.requests == []


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"checked_at": 7}', '{"checked_at": "x"}', "7"])
def test_a_result_that_can_not_be_read_is_none(server: Server, text: str) -> None:
    result_file().parent.mkdir(parents=True)
    result_file().write_text(text)
    assert last_difference() is None


def test_a_result_is_whole_or_the_one_before(server: Server, tmp_path: Path) -> None:
    keep(LastDifference(LONG_AGO, only_here=1))
    with pytest.raises(TypeError):
        keep(LastDifference(LONG_AGO, error=b"not JSON"))  # type: ignore[arg-type]
    assert json.loads(result_file().read_text())["only_here"] == 1
    assert list(result_file().parent.glob(".*")) == []


@pytest.mark.parametrize(("minutes", "threads"), [("0", 0), ("60", 1), ("often", 0)])
def test_it_is_off_unless_the_setting_says_otherwise(
    server: Server, monkeypatch: pytest.MonkeyPatch, minutes: str, threads: int
) -> None:
    monkeypatch.setenv(f"{SECTION}CHECK_SERVER_MINUTES", minutes)
    with checking():
        assert [each.name for each in threading.enumerate()].count("check-server") == threads


def test_a_check_is_measured_unless_it_failed() -> None:
    found = LastDifference(LONG_AGO, only_on_server=1, only_here=2, older_here=3)
    values = {each.tags["kind"]: each.value for each in measured(found)}
    assert values == {"only_on_server": 1, "only_here": 2, "older_here": 3}
    assert measured(replace(found, error="the server is away")) == []


def test_numbers_are_those_of_the_page(server: Server) -> None:
    assert counted(Difference(), LONG_AGO) == LastDifference(LONG_AGO)
