"""Threads for what asks the config store, so that a store that hangs takes none from other work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from dag_factory.api_server.api.answers import Refused
from dag_factory.api_server.daemon_threads import DaemonThreads

Result = TypeVar("Result")

READS_AT_ONCE = 8
# Besides the reads: one change at a time, and one look at what is wrong with the store.
_OTHERS = 2


class StoreThreads:
    """
    Runs what asks the store in threads of its own.

    A thread that hangs can't be ended. So a call gives up after a limit, and once all threads of reads have hung for
    that long, further reads are refused at once. A read may wait for a thread longer than the limit, as long as others
    are answered meanwhile: many calls at the same time may take a slow store more than that.

    :param read_seconds: how long a read may take once it has a thread
    :param reads_at_once: how many reads have a thread at the same time
    """

    def __init__(self, read_seconds: float, *, reads_at_once: int = READS_AT_ONCE) -> None:
        self._read_seconds = read_seconds
        self._most = reads_at_once
        self._pool = DaemonThreads(reads_at_once + _OTHERS, "openmetadata-store")
        self._reading: set[asyncio.Future[Any]] = set()
        self._hanging: set[asyncio.Future[Any]] = set()
        # Set, and replaced, whenever a read ends or begins to hang.
        self._changed = asyncio.Event()

    def run(self, work: Callable[[], Result]) -> asyncio.Future[Result]:
        """Begin some work that is not a read, of which the caller allows one at a time of its kind."""
        return asyncio.wrap_future(self._pool.submit(work))

    async def read(self, work: Callable[[], Result]) -> Result:
        """
        Return what some work returns that only reads the store.

        :raises Refused: 503, where the store does not answer
        """
        while len(self._reading) >= self._most:
            if len(self._hanging) >= self._most:
                raise self._no_answer()
            await self._changed.wait()
        read = self.run(work)
        self._reading.add(read)
        # The caller may be gone by then, so it does not count.
        clock = asyncio.get_running_loop().call_later(self._read_seconds, self._hangs, read)

        def ended(_: asyncio.Future[Result]) -> None:
            clock.cancel()
            self._reading.discard(read)
            self._hanging.discard(read)
            self._notify()
            # Retrieved here, since asyncio logs an exception that nobody has retrieved.
            if not read.cancelled():
                read.exception()

        read.add_done_callback(ended)
        done, _ = await asyncio.wait([read], timeout=self._read_seconds)
        if not done:
            raise self._no_answer()
        return read.result()

    def _no_answer(self) -> Refused:
        return Refused(
            503,
            f"The config store has not answered within {self._read_seconds:.0f} s. Retry; if this persists, check "
            "whether the file system of config_store hangs.",
        )

    def _hangs(self, read: asyncio.Future[Any]) -> None:
        self._hanging.add(read)
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
