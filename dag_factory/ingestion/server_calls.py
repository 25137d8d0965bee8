"""
How long the calls to the OpenMetadata server take within a run, whatever the server does.

openmetadata-ingestion's client waits for five minutes, and once more, for each answer, and a workflow goes on with its
next record then: with a server that went away amid a run, a thousand records take a week. Here the server is given up
once it has been silent for a while; calls then fail at once, so that the workflow ends, but for one now and then that
finds out whether the server is back.

All clients of openmetadata-ingestion send by one method of requests, which is replaced as long as the context lasts;
only calls to the one server are touched.
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
"""For how long no call may have had an answer; a server that restarts is back before."""

PROBE_SECONDS = 60.0
"""How often a server that was given up is asked whether it is back."""

# In seconds, to connect and to wait for the next bytes: those of openmetadata-ingestion from 2.0.3 on.
_USUAL = (10.0, 300.0)
# For a server that was given up, and once the run's time is over.
_SHORT = (5.0, 5.0)

# What a proxy says for a server that is away; the client of openmetadata-ingestion sleeps and repeats after the last.
_AWAY = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})


class ServerCalls:
    """
    What is known of one server's answers; may be used by any thread.

    :param host_port: the server's address, as a connection has it
    :param ends_at: `time.monotonic` at which the run's time is over, None where it has no limit; from then on, a call
        without an answer is enough to give the server up
    :param give_up: seconds of silence after which the server is given up
    """

    def __init__(self, host_port: str, *, ends_at: float | None = None, give_up: float = GIVE_UP_SECONDS) -> None:
        self._origin = _origin(host_port)
        self._server = self._origin[1]
        self._ends_at = ends_at
        self._give_up = give_up
        # The handler of a signal may make a call while this thread holds it.
        self._lock = threading.RLock()
        self._last_answer = float("-inf")
        self._silent_since: float | None = None
        self._probe_at: float | None = None

    @property
    def problem(self) -> str | None:
        """What there is to say of a server that was given up, None of one that answers."""
        with self._lock:
            return self._problem() if self._probe_at is not None else None

    def _problem(self) -> str:
        return (
            f"the OpenMetadata server {self._server} went away during the run: no call has been answered for "
            f"{time.monotonic() - (self._silent_since or 0):.0f} s. Run the pipeline again when it is back"
        )

    def concern(self, url: str | None) -> bool:
        """Return whether a call of this address goes to the server."""
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
        except OSError:  # which all errors of requests are
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
        # The client repeats a call that takes too long, once.
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
    """Let all calls of this process that concern a server be made by ``calls``."""
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
    """Return what says which server an address leads to: scheme, and host with port, without credentials."""
    parts = urlsplit(url.strip().lower())
    return parts.scheme, parts.netloc.rpartition("@")[2]


def _shorter(usual: object, timeout: tuple[float, float]) -> tuple[float, float]:
    """Return the shorter of two time-outs, the first in any form that requests takes."""
    connect, read = usual if isinstance(usual, tuple) else (usual, usual)
    return _least(connect, timeout[0]), _least(read, timeout[1])


def _least(usual: object, limit: float) -> float:
    return min(float(usual), limit) if isinstance(usual, (int, float)) else limit
