"""Threads for what asks the config store, so that a store that hangs stops neither the event loop nor other work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from dag_factory.api_server.daemon_threads import DaemonThreads
from dag_factory.api_server.watch.unexpected import where

log = logging.getLogger(__name__)

Result = TypeVar("Result")

# While all of them hang, further work waits. Once the store answers again, they end their work and do what has waited.
AT_ONCE = 16
# Seconds for which a watcher that ends waits for its last work.
LAST_SECONDS = 2.0

_pool = DaemonThreads(AT_ONCE, "openmetadata-watch")


def submit(work: Callable[..., Result], *arguments: Any) -> Future[Result]:
    """Begin some work in a thread."""
    return _pool.submit(work, *arguments)


def in_thread(work: Callable[..., Result], *arguments: Any) -> asyncio.Future[Result]:
    """Do some work in a thread, and return what it returns."""
    return asyncio.wrap_future(submit(work, *arguments))


async def finish(work: Callable[[], None]) -> None:
    """
    Do some last work, and wait for it for a short time: a store that hangs must not keep the process from ending.

    Its error is logged, not raised: raised, it would take the place of a cancellation, which would then be lost.
    """

    def run() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - whatever is left of it ends with the process
            log.warning("The watcher can't end what it has begun (%s)", where(error))

    await asyncio.wait([in_thread(run)], timeout=LAST_SECONDS)
