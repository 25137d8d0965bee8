"""
Limits the time that a run spends on calls to an OpenMetadata server that does not answer.

openmetadata-ingestion's client waits twice five minutes for each answer, and then the workflow goes on with its next
record: if the server stops answering during a run, a thousand records take a week. Here the server is given up once it
has not answered for a while. Then calls fail at once, so that the workflow ends, except for one now and then that finds
out whether the server is back.

All clients of openmetadata-ingestion send by one method of requests, which is replaced as long as the context lasts.
Only calls to the one server are affected.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from requests import PreparedRequest, Response, Session

log = logging.getLogger(__name__)

GIVE_UP_SECONDS = 300.0
"""After so long without any answer, the server is given up. A restart takes less."""

PROBE_SECONDS = 60.0
"""How often a server that was given up is called, to find out whether it is back."""

# In seconds, to connect and to wait for the next bytes, as in openmetadata-ingestion from 2.0.3 on.
_USUAL = (10.0, 300.0)
# For a server that was given up, and once the run's time is over.
_SHORT = (5.0, 5.0)

# A proxy's answers for a server that is away; after the last, openmetadata-ingestion's client sleeps and retries.
_AWAY = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})


class ServerCalls:
    """
    The calls to one server; thread-safe.

    :param host_port: the server's address, as a connection has it
    :param ends_at: `time.monotonic` at which the run's time is over, None where it has no limit; from then on, one call
        without an answer is enough to give up the server
    :param give_up: seconds without an answer after which the server is given up
    """

    def __init__(self, host_port: str, *, ends_at: float | None = None, give_up: float = GIVE_UP_SECONDS) -> None:
        self._origin = _origin(host_port)
        self._server = self._origin[1]
        self._ends_at = ends_at
        self._give_up = give_up
        # A signal's handler may make a call while this thread holds the lock.
        self._lock = threading.RLock()
        self._last_answer = float("-inf")
        self._silent_since: float | None = None
        self._probe_at: float | None = None

    @property
    def problem(self) -> str | None:
        """The problem with a server that was given up, None where it answers."""
        with self._lock:
            return self._problem() if self._probe_at is not None else None

    def _problem(self) -> str:
        return (
            f"the OpenMetadata server {self._server} went away during the run: no call has been answered for "
            f"{time.monotonic() - (self._silent_since or 0):.0f} s. Run the pipeline again when it is back"
        )

    def concern(self, url: str | None) -> bool:
        """Return whether a call to this address goes to the server."""
        return _origin(url or "") == self._origin

    def send(self, call: Callable[[tuple[float, float]], Response]) -> Response:
        """
        Make a call and return its answer.

        :param call: makes it, with the seconds to connect and to wait
        :raises requests.exceptions.ConnectionError: where the server is given up
        """
        began = time.monotonic()
        timeout = self._timeout(began)
        try:
            response = call(timeout)
        except OSError:  # the base of all errors of requests
            self._note_silence(began)
            raise
        if response.status_code in _AWAY:
            self._note_silence(began)
        else:
            self._note_answer()
        return response

    def _timeout(self, now: float) -> tuple[float, float]:
        from requests.exceptions import ConnectionError as NoConnection

        with self._lock:
            if self._probe_at is not None:
                if now < self._probe_at:
                    raise NoConnection(self._problem())
                self._probe_at = now + PROBE_SECONDS
                return _SHORT
        if self._ends_at is None:
            return _USUAL
        # The client repeats a call that takes too long once, so each gets half of the time.
        left = max(self._ends_at - now, 0) / 2
        return min(_USUAL[0], _SHORT[0] + left), min(_USUAL[1], _SHORT[1] + left)

    def _note_answer(self) -> None:
        with self._lock:
            if self._probe_at is not None:
                log.warning("The OpenMetadata server %s is back", self._server)
            self._last_answer = time.monotonic()
            self._silent_since = self._probe_at = None

    def _note_silence(self, began: float) -> None:
        now = time.monotonic()
        with self._lock:
            if self._silent_since is None:
                # Others may have had an answer since this call began.
                self._silent_since = max(began, self._last_answer)
            is_over = self._ends_at is not None and now >= self._ends_at
            if self._probe_at is None and (is_over or now - self._silent_since >= self._give_up):
                log.error("%s", self._problem())
                self._probe_at = now + PROBE_SECONDS


@contextmanager
def within_time(calls: ServerCalls) -> Iterator[None]:
    """Make all calls of this process to one server by ``calls``."""
    from requests import Session

    send = Session.send

    def send_within_time(self: Session, request: PreparedRequest, **options: Any) -> Response:
        if not calls.concern(request.url):
            return send(self, request, **options)
        usual = options.pop("timeout", None)
        return calls.send(lambda timeout: send(self, request, timeout=_shorter(usual, timeout), **options))

    Session.send = send_within_time  # type: ignore[method-assign]
    try:
        yield
    finally:
        Session.send = send  # type: ignore[method-assign]


def _origin(url: str) -> tuple[str, str]:
    """Return scheme, host and port of an address, without credentials."""
    parts = urlsplit(url.strip().lower())
    return parts.scheme, parts.netloc.rpartition("@")[2]


def _shorter(usual: object, timeout: tuple[float, float]) -> tuple[float, float]:
    """Return the shorter of two time-outs, the first in any form that requests accepts."""
    connect, read = usual if isinstance(usual, tuple) else (usual, usual)
    return _least(connect, timeout[0]), _least(read, timeout[1])


def _least(usual: object, limit: float) -> float:
    return min(float(usual), limit) if isinstance(usual, (int, float)) else limit
