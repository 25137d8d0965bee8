"""Threads for work that may hang, as on a network file system whose server is down."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextvars import copy_context
from functools import partial
from typing import Any, ParamSpec, TypeVar

Result = TypeVar("Result")
Parameters = ParamSpec("Parameters")


class DaemonThreads(Executor):
    """
    A pool of daemon threads: a process that ends does not wait for them.

    The interpreter waits for the threads of a ``ThreadPoolExecutor``, so work that hangs there keeps the process from
    ending. Here such work is cut off, as if the process were killed, which the config store withstands.

    :param most: how many threads there are at most. Further work waits for one of them
    :param idle_seconds: after which a thread without work ends
    """

    def __init__(self, most: int, name: str, *, idle_seconds: float = 10.0) -> None:
        self._most = most
        self._name = name
        self._idle_seconds = idle_seconds
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._changed = threading.Condition()
        self._threads = 0
        # How many of them wait for work.
        self._idle = 0

    def submit(
        self, work: Callable[Parameters, Result], /, *arguments: Parameters.args, **options: Parameters.kwargs
    ) -> Future[Result]:
        """Begin some work as soon as a thread has time for it. It sees the context variables of its caller."""
        future: Future[Result] = Future()
        call = partial(copy_context().run, partial(work, *arguments, **options))
        with self._changed:
            if len(self._waiting) >= self._idle and self._threads < self._most:
                threading.Thread(target=self._work, name=self._name, daemon=True).start()
                self._threads += 1
            self._waiting.append((future, call))
            self._changed.notify()
        return future

    def _work(self) -> None:
        while (job := self._next()) is not None:
            _do(*job)
            # Else it would be kept until there is other work.
            del job

    def _next(self) -> tuple[Future[Any], Callable[[], Any]] | None:
        """Return the next work, None where there was none for a while."""
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._waiting, self._idle_seconds)
            self._idle -= 1
            if self._waiting:
                return self._waiting.popleft()
            self._threads -= 1
            return None


def _do(future: Future[Any], call: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001 - raised again where the work was asked for
        future.set_exception(error)
    else:
        future.set_result(result)
