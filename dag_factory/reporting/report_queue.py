"""A queue of reports, sent by threads of its own and with retries, so that Airflow's work is not delayed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from dag_factory.errors import DagFactoryError, StatusError

log = logging.getLogger(__name__)

Subject = TypeVar("Subject", bound=Hashable)

MOST = 10_000
# Seconds between retries; the last one is repeated.
PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
# Of all reports together. Where thousands wait for a server that is down, they must leave the scheduler its CPU.
RETRIES_PER_SECOND = 20.0
# A slow server can block a thread for minutes, so one thread is kept for reports that have not failed yet.
THREADS = 4


@dataclass(frozen=True)
class _Report(Generic[Subject]):
    subject: Subject
    due: float
    gives_up: float
    failures: int = 0
    is_first: bool = True


class Reports(Generic[Subject]):
    """
    A queue of reports, made by a few daemon threads. It holds only the latest report of each key.

    The threads live only as long as there is something to report. Nothing here raises or blocks.

    A ``ThreadPoolExecutor`` can't take their place: the interpreter waits for all of its work before it ends, and its
    threads stay. Nor can tenacity make the retries: each would sleep in a thread that other reports need.

    :param report: makes a report, given how often that has failed; may return what to report next, and in how many
        seconds. If it raises a `StatusError` that may pass, it is retried
    :param holds: called before a retry, and before a next report; returns whether the report is still valid
    :param key: returns the key of a report; a later report replaces an earlier one with the same key, and two are never
        made at the same time
    :param give_up_seconds: after which a report is no longer retried
    :param retries_per_second: of all reports that wait; the more there are, the longer is each one's pause
    :param most: how many reports may wait; one more is left out, and logged
    :param on_change: is called with how many reports wait, by the threads that make them
    """

    def __init__(  # noqa: PLR0913 - by name
        self,
        report: Callable[[Subject, int], tuple[float, Subject] | None],
        holds: Callable[[Subject], bool],
        key: Callable[[Subject], Hashable],
        *,
        give_up_seconds: float = 3600.0,
        pauses: tuple[float, ...] = PAUSES,
        retries_per_second: float = RETRIES_PER_SECOND,
        threads: int = THREADS,
        most: int = MOST,
        on_change: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._report = report
        self._holds = holds
        self._key = key
        self._give_up_seconds = give_up_seconds
        self._pauses = pauses
        self._retries_per_second = retries_per_second
        self._most_threads = threads
        self._most = most
        self._on_change = on_change
        self._waiting: dict[Hashable, _Report[Subject]] = {}
        self._changed = threading.Condition()
        self._being_made: dict[Hashable, _Report[Subject]] = {}
        self._threads: list[threading.Thread] = []

    def add(self, subject: Subject, *, unless_waiting: bool = False) -> bool:
        """
        Queue a report, and return whether one with its key now waits; False where too many others do.

        :param unless_waiting: keep an earlier report with the same key instead
        """
        now = time.monotonic()
        with self._changed:
            waits = self._key(subject) in self._waiting
            if waits and unless_waiting:
                return True
            if len(self._waiting) >= self._most and not waits:
                log.error("%s reports to OpenMetadata wait already, so one is left out: %s", self._most, subject)
                return False
            self._waiting[self._key(subject)] = _Report(subject, now, now + self._give_up_seconds)
            self._start_threads()
            self._changed.notify_all()
            return True

    def _start_threads(self) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        if not self._threads:  # as in a fork, which has none of its parent's threads
            self._being_made.clear()
        while len(self._threads) < min(self._most_threads, len(self._waiting)):
            thread = threading.Thread(target=self._work, name="openmetadata-reports", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while (report := self._next()) is not None:
            self._on_change(len(self._waiting))
            following = self._make(report)
            key = self._key(report.subject)
            with self._changed:
                del self._being_made[key]
                # A later report with the same key may have come meanwhile, and stays.
                if self._waiting.get(key) is report:
                    del self._waiting[key]
                    if following is not None:
                        self._waiting[key] = following
                self._changed.notify_all()
            self._on_change(len(self._waiting))

    def _next(self) -> _Report[Subject] | None:
        """Wait for a report that is due and return it; None where nothing is left for this thread."""
        with self._changed:
            while len(self._waiting) > len(self._being_made):
                report = min(self._open(), key=lambda waiting: waiting.due, default=None)
                left = report.due - time.monotonic() if report is not None else None
                if report is not None and left is not None and left <= 0:
                    self._being_made[self._key(report.subject)] = report
                    return report
                self._changed.wait(left)
            self._threads.remove(threading.current_thread())
            return None

    def _open(self) -> list[_Report[Subject]]:
        """Return the reports that a thread may make now."""
        again = sum(report.failures > 0 for report in self._being_made.values())
        is_full = again >= max(self._most_threads - 1, 1)
        return [
            report
            for key, report in self._waiting.items()
            if key not in self._being_made and not (is_full and report.failures)
        ]

    def _make(self, report: _Report[Subject]) -> _Report[Subject] | None:
        """Make a report, and return the one to make later in its place."""
        now = time.monotonic()
        try:
            if not report.is_first and not self._holds(report.subject):
                return None
            following = self._report(report.subject, report.failures)
        except StatusError as error:
            pause = self._pauses[min(report.failures, len(self._pauses) - 1)]
            pause = max(pause, len(self._waiting) / self._retries_per_second)
            if error.passing and now + pause < report.gives_up:
                if report.failures == 0:
                    log.warning("%s: %s. The report is retried", report.subject, error)
                return replace(report, due=time.monotonic() + pause, failures=report.failures + 1, is_first=False)
            problem = str(error)
        except DagFactoryError as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001 - its text may quote a config
            problem = type(error).__name__
        else:
            if following is None:
                return None
            seconds, subject = following
            return replace(report, subject=subject, due=now + seconds, failures=0, is_first=False)
        log.error("%s: can't be reported to OpenMetadata: %s", report.subject, problem)
        return None
