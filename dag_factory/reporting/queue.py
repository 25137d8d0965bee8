"""Reports that wait to be made: by a thread of their own, again and again for a while, in the way of nobody."""

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
# Seconds between tries; the last one comes again and again.
PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)


@dataclass(frozen=True)
class _Report(Generic[Subject]):
    subject: Subject
    due: float
    gives_up: float
    tries: int = 0


class Reports(Generic[Subject]):
    """
    A queue of what is to be reported, the latest report of each key, worked off by a daemon thread.

    The thread lives only as long as there is something to report. Nothing here raises or waits.

    :param tell: makes a report; may return what is to be reported next, and in how many seconds. Where it raises a
        `StatusError` that may pass, it is called again
    :param holds: is asked before a report is made again, or the next one, whether it still holds
    :param key: what a report is about; a later one takes the place of an earlier one
    :param patience: seconds after which a report is given up
    """

    def __init__(
        self,
        tell: Callable[[Subject], tuple[float, Subject] | None],
        holds: Callable[[Subject], bool],
        key: Callable[[Subject], Hashable],
        *,
        patience: float = 3600.0,
        pauses: tuple[float, ...] = PAUSES,
    ) -> None:
        self._tell = tell
        self._holds = holds
        self._key = key
        self._patience = patience
        self._pauses = pauses
        self._waiting: dict[Hashable, _Report[Subject]] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, subject: Subject, *, unless_waiting: bool = False) -> None:
        """
        Have something reported, soon.

        :param unless_waiting: leave an earlier report of the same in its place
        """
        now = time.monotonic()
        with self._changed:
            waits = self._key(subject) in self._waiting
            if waits and unless_waiting:
                return
            if len(self._waiting) >= MOST and not waits:
                log.error("%s reports to OpenMetadata wait already, so one is lost: %s", MOST, subject)
                return
            self._waiting[self._key(subject)] = _Report(subject, now, now + self._patience)
            if self._thread is None or not self._thread.is_alive():  # as in a fork
                self._thread = threading.Thread(target=self._work, name="openmetadata-reports", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _work(self) -> None:
        while (report := self._next()) is not None:
            following = self._make(report)
            with self._changed:
                # A later report of the same may have come meanwhile, and stays.
                if self._waiting.get(self._key(report.subject)) is report:
                    del self._waiting[self._key(report.subject)]
                    if following is not None:
                        self._waiting[self._key(report.subject)] = following

    def _next(self) -> _Report[Subject] | None:
        """Wait for a report that is due and return it; None where there is none left at all."""
        with self._changed:
            while self._waiting:
                report = min(self._waiting.values(), key=lambda waiting: waiting.due)
                left = report.due - time.monotonic()
                if left <= 0:
                    return report
                self._changed.wait(left)
            self._thread = None
            return None

    def _make(self, report: _Report[Subject]) -> _Report[Subject] | None:
        """Make a report, and return what is to be made later in its place."""
        now = time.monotonic()
        try:
            if report.tries and not self._holds(report.subject):
                return None
            following = self._tell(report.subject)
        except StatusError as error:
            pause = self._pauses[min(report.tries, len(self._pauses) - 1)]
            if error.passing and now + pause < report.gives_up:
                if report.tries == 0:
                    log.warning("%s: %s. It is told later", report.subject, error)
                return replace(report, due=now + pause, tries=report.tries + 1)
            problem = str(error)
        except DagFactoryError as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001 - its text may quote a config
            problem = type(error).__name__
        else:
            if following is None:
                return None
            seconds, subject = following
            return replace(report, subject=subject, due=now + seconds, tries=report.tries + 1)
        log.error("%s: OpenMetadata is not told: %s", report.subject, problem)
        return None
