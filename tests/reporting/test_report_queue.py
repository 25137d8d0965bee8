from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from dag_factory.errors import ConfigError, StatusError
from dag_factory.reporting.report_queue import Reports

Result = tuple[float, tuple[str, int]] | Exception | None


class Receiver:
    """Gets reports, and answers each with the next of some results."""

    def __init__(self, *results: Result, holds: bool = True) -> None:
        self.results = list(results)
        self.answer = holds
        self.got: list[tuple[str, int]] = []
        self.failures: list[int] = []
        self.done = threading.Event()

    def report(self, subject: tuple[str, int], failures: int) -> tuple[float, tuple[str, int]] | None:
        self.got.append(subject)
        self.failures.append(failures)
        result = self.results.pop(0) if self.results else None
        if not self.results:
            self.done.set()
        if isinstance(result, Exception):
            raise result
        return result

    def holds(self, _: tuple[str, int]) -> bool:
        self.done.set()
        return self.answer


def queue(receiver: Receiver, **options: Any) -> Reports[tuple[str, int]]:
    return Reports(receiver.report, receiver.holds, lambda subject: subject[0], pauses=(0.01,), **options)


def end(reports: Reports[tuple[str, int]]) -> None:
    """Wait until there is nothing left to report."""
    ended = [thread for thread in threading.enumerate() if thread.name == "openmetadata-reports"]
    for thread in ended:
        thread.join(10)
        assert not thread.is_alive()


def test_a_report_is_made_once_and_the_thread_ends() -> None:
    receiver = Receiver()
    reports = queue(receiver)
    reports.add(("a", 1))
    end(reports)
    assert receiver.got == [("a", 1)]
    reports.add(("a", 2))
    end(reports)
    assert receiver.got == [("a", 1), ("a", 2)]


def test_a_report_that_fails_for_now_is_made_again() -> None:
    receiver = Receiver(StatusError("away", passing=True), StatusError("away", passing=True))
    reports = queue(receiver)
    reports.add(("a", 1))
    end(reports)
    assert receiver.got == [("a", 1)] * 3
    assert receiver.failures == [0, 1, 2]


def test_but_not_where_it_does_not_hold_any_more() -> None:
    receiver = Receiver(StatusError("away", passing=True), holds=False)
    reports = queue(receiver)
    reports.add(("a", 1))
    end(reports)
    assert receiver.got == [("a", 1)]


def test_nor_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    receiver = Receiver(*[StatusError("away", passing=True)] * 1000)
    reports = queue(receiver, give_up_seconds=0.1)
    reports.add(("a", 1))
    end(reports)
    assert 1 < len(receiver.got) < 1000
    assert "can't be reported to OpenMetadata: away" in caplog.text


def test_the_more_reports_wait_the_longer_each_one_s_pause_so_that_few_retries_a_second_are_made() -> None:
    receiver = Receiver(*[StatusError("away", passing=True)] * 10_000)
    reports = queue(receiver, retries_per_second=50, give_up_seconds=0.9)
    began = time.monotonic()
    for number in range(100):
        reports.add((str(number), 1))
    end(reports)
    # Each of 100 is made once, and again after two seconds: too late.
    assert len(receiver.got) <= 100 + 50 * (time.monotonic() - began)
    receiver = Receiver(*[StatusError("away", passing=True)] * 3)
    end_of_one = queue(receiver, retries_per_second=50)
    end_of_one.add(("alone", 1))
    end(end_of_one)
    assert len(receiver.got) == 4


@pytest.mark.parametrize(
    "error", [StatusError("refused", passing=False), ConfigError("refused"), RuntimeError("canary")]
)
def test_what_no_time_mends_is_logged_and_left(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    receiver = Receiver(error)
    reports = queue(receiver)
    reports.add(("a", 1))
    end(reports)
    assert receiver.got == [("a", 1)]
    assert "can't be reported to OpenMetadata: " in caplog.text
    assert "canary" not in caplog.text


def test_a_report_may_be_followed_by_another_that_has_not_failed_yet() -> None:
    receiver = Receiver(StatusError("away", passing=True), (0.01, ("a", 2)))
    reports = queue(receiver)
    reports.add(("a", 1))
    end(reports)
    assert receiver.got == [("a", 1), ("a", 1), ("a", 2)]
    assert receiver.failures == [0, 1, 0]


def test_but_not_where_that_would_not_hold() -> None:
    receiver = Receiver((0.01, ("a", 2)), holds=False)
    reports = queue(receiver)
    reports.add(("a", 1))
    end(reports)
    assert receiver.got == [("a", 1)]


class Door:
    """A place where a report waits until it is let through."""

    def __init__(self) -> None:
        self.entered, self.opened = threading.Event(), threading.Event()
        self.got: list[tuple[str, int]] = []
        self.inside = self.most = 0

    def report(self, subject: tuple[str, int], _: int) -> None:
        self.got.append(subject)
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.entered.set()
        self.opened.wait(10)
        self.inside -= 1


def behind(
    door: Door, then: Callable[[Reports[tuple[str, int]]], object], threads: int = 1, most: int = 9
) -> list[tuple[str, int]]:
    reports: Reports[tuple[str, int]] = Reports(
        door.report, lambda _: True, lambda subject: subject[0], threads=threads, most=most
    )
    reports.add(("first", 1))
    assert door.entered.wait(10)
    then(reports)
    door.opened.set()
    end(reports)
    return door.got


def test_the_latest_report_of_a_thing_is_the_one_that_is_made() -> None:
    def then(reports: Reports[tuple[str, int]]) -> None:
        reports.add(("a", 1))
        reports.add(("b", 1))
        reports.add(("a", 2))

    assert sorted(behind(Door(), then)) == [("a", 2), ("b", 1), ("first", 1)]


@pytest.mark.parametrize("threads", [1, 4])
def test_one_that_comes_while_another_of_the_same_is_being_made_is_made_after_it(threads: int) -> None:
    door = Door()
    assert behind(door, lambda reports: reports.add(("first", 2)), threads) == [("first", 1), ("first", 2)]
    assert door.most == 1


class SlowServer:
    """A server that answers some, but only from their second try on, and then not before it is let."""

    def __init__(self) -> None:
        self.waiting, self.opened = threading.Semaphore(0), threading.Event()
        self.got_from: dict[str, threading.Event] = {name: threading.Event() for name in ("new", "late")}

    def report(self, subject: tuple[str, int], failures: int) -> None:
        if not subject[0].startswith("slow"):
            self.got_from[subject[0]].set()
        elif failures == 0:
            raise StatusError("slow", passing=True)
        else:
            self.waiting.release()
            self.opened.wait(10)


def test_a_slow_server_is_waited_for_in_nobody_s_way() -> None:
    server = SlowServer()
    reports: Reports[tuple[str, int]] = Reports(
        server.report, lambda _: True, lambda subject: subject[0], pauses=(0.0,), threads=3
    )
    for number in range(9):
        reports.add((f"slow {number}", 1))
    for _ in range(2):
        assert server.waiting.acquire(timeout=10)
    reports.add(("new", 1))
    assert server.got_from["new"].wait(10)
    assert not server.waiting.acquire(blocking=False)
    reports.add(("late", 1))
    assert server.got_from["late"].wait(10)
    server.opened.set()
    end(reports)


def test_what_is_found_again_leaves_what_waits_in_its_place() -> None:
    def then(reports: Reports[tuple[str, int]]) -> None:
        reports.add(("a", 1))
        reports.add(("a", 2), unless_waiting=True)

    assert behind(Door(), then) == [("first", 1), ("a", 1)]


def test_a_process_ends_while_its_reports_wait_for_a_server() -> None:
    script = """
import threading
from dag_factory.reporting.report_queue import Reports

begun = threading.Event()

def report(subject, failures):
    begun.set()
    threading.Event().wait()

reports = Reports(report, lambda subject: True, lambda subject: subject, threads=1)
reports.add("hangs")
reports.add("waits")
begun.wait()
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_no_more_than_so_many_reports_wait(caplog: pytest.LogCaptureFixture) -> None:
    def then(reports: Reports[tuple[str, int]]) -> None:
        assert reports.add(("a", 1))
        assert not reports.add(("b", 1))
        # One that waits may be replaced or kept, whatever else waits.
        assert reports.add(("a", 2))
        assert reports.add(("a", 3), unless_waiting=True)

    assert behind(Door(), then, most=2) == [("first", 1), ("a", 2)]
    assert "so one is left out: ('b', 1)" in caplog.text
