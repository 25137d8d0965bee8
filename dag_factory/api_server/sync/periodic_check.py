"""Periodically compares the store with the OpenMetadata server, in one API server process of each machine."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from dag_factory import settings
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
from dag_factory.api_server.sync.server_api import StoppedError
from dag_factory.api_server.watch.leader_lock import LeaderLock
from dag_factory.errors import DagFactoryError, SettingsError
from dag_factory.reporting import metrics
from dag_factory.settings.options import SECTION

log = logging.getLogger(__name__)

# Seconds between two looks whether a check is due, or whether the process that checks has ended.
LOOK_SECONDS = 30.0
# Seconds for which an API server that stops waits for a check to end.
LAST_SECONDS = 1.0


class PeriodicCheck:
    """
    A thread that asks the server at an interval. A failed check does not end it.

    :param minutes: between two checks
    :param compare: returns the difference; raises `StoppedError` once its argument is set
    :param look_seconds: between two looks whether a check is due
    """

    def __init__(
        self,
        minutes: int,
        compare: Callable[[threading.Event], Difference] = lambda stopped: configured.difference(stopped=stopped),
        *,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._interval = timedelta(minutes=minutes)
        self._compare = compare
        self._look_seconds = look_seconds
        # The last result, where it could not be kept: else each look would make a check, which lists the whole server.
        self._unkept: LastDifference | None = None
        self._stopped = threading.Event()
        # A daemon: neither a server nor a file system that hangs may keep the API server from ending.
        self._thread = threading.Thread(target=self._run, name="check-server", daemon=True)

    def start(self) -> None:
        """Begin to check."""
        self._thread.start()

    def stop(self) -> None:
        """End the check, at the next page of the server's."""
        self._stopped.set()

    def join(self, seconds: float) -> None:
        """Wait until the thread has ended, for so long at most."""
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                with self._leading():
                    self._check_while_leading()
            except BlockingIOError:
                pass  # another process of this machine does it
            except Exception as error:  # noqa: BLE001 - else nobody would notice that nothing is checked any more
                log.error("The check against the OpenMetadata server can't be made: %s", _reason(error))
            self._stopped.wait(self._look_seconds)

    @contextmanager
    def _leading(self) -> Iterator[LeaderLock]:
        """
        Hold the leader lock of the periodic checks.

        :raises BlockingIOError: where another process holds it
        """
        folder = result_file().parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with LeaderLock(folder) as lock:
            yield lock

    def _check_while_leading(self) -> None:
        while not self._stopped.is_set():
            last = self._unkept or last_difference()
            if last is None or not timedelta() <= datetime.now(timezone.utc) - last.checked_at < self._interval:
                self._check(last)
            self._stopped.wait(self._look_seconds)

    def _check(self, last: LastDifference | None) -> None:
        """Make one check and keep its result."""
        try:
            result = counted(self._compare(self._stopped))
        except StoppedError:
            return
        except Exception as error:  # noqa: BLE001 - the next check may succeed
            log.warning("The config store could not be compared with the OpenMetadata server: %s", _reason(error))
            now = datetime.now(timezone.utc)
            result = replace(last or LastDifference(now), checked_at=now, error=_reason(error))
        self._keep(result)
        metrics.send(measured(result))
        if result.error is None and (result.only_on_server or result.only_here or result.older_here):
            log.warning(
                "The config store differs from the OpenMetadata server: %d pipelines are only there, %d only here, %d "
                "would be changed or marked as deployed by a deploy. 'openmetadata-dag-factory diff' lists them",
                result.only_on_server,
                result.only_here,
                result.older_here,
            )

    def _keep(self, result: LastDifference) -> None:
        try:
            keep(result)
        except OSError as error:
            log.error(
                "The result of the check against the OpenMetadata server can't be kept (%s), so the page does not show "
                "it. Does [%s] state_folder have room?",
                error.strerror,
                SECTION,
            )
            self._unkept = result
        else:
            self._unkept = None


@contextmanager
def checking() -> Iterator[None]:
    """Check for as long as the context lasts, where the setting ``check_server_minutes`` says so."""
    try:
        minutes = settings.check_server_minutes()
    except SettingsError as error:
        # An invalid setting must not stop the API server.
        log.error("The OpenMetadata server is not asked for differences. %s", error)
        minutes = 0
    if not minutes:
        yield
        return
    check = PeriodicCheck(minutes)
    check.start()
    try:
        yield
    finally:
        check.stop()
        check.join(LAST_SECONDS)


def _reason(error: Exception) -> str:
    """Return an error's text where it is one of ours, else its kind: the text might quote a document."""
    return str(error) if isinstance(error, DagFactoryError) else type(error).__name__
