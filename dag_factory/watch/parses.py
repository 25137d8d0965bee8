"""Asks Airflow to parse the loader after a change, until a parse has seen the change."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from dag_factory import settings
from dag_factory.errors import DagFactoryError, StoreError
from dag_factory.store import ConfigStore

log = logging.getLogger(__name__)

ParseRequest = Callable[[], Awaitable[None]]
"""Asks Airflow once for a parse of the loader. Airflow may drop the request."""

POLL_SECONDS = 0.2
SETTLING_SECONDS = 5
# Airflow needs so long to parse the loader and to store its DAGs.
WRITING_SECONDS = 5
# How long to wait for a parse after each request. Airflow drops one that comes while the loader is being parsed, and
# that parse may have read the store before the change: so the request is repeated.
RETRY_SECONDS = (3, 5, 10, 20)


class Parses:
    """
    Asks for parses of the loader until one has seen the store's marker. Any number of changes meanwhile is one request.

    A parse notes in the store which marker it has seen. These are the states::

        idle ────── a change is wanted ─────▶ looking
        looking ─── the marker is seen ─────▶ idle, or looking where another change is wanted by now
        looking ─── it is not, or the caller asks even so ──▶ a request is sent ──▶ waiting
        waiting ─── a parse has noted another marker ───────▶ looking, with the first retry interval
        waiting ─── the retry interval is over ─────────────▶ looking, with the next interval
        looking ─── no interval is left, no marker can be made (one request is sent), or the request failed ──▶
                    a line is logged, then as after "the marker is seen"

    No change is lost: it is wanted before it is known whether the task still runs, and the task ends only where nothing
    is wanted; between its last look at that and its end, nothing else runs. No request loops forever: each is followed
    by a wait, and after as many as there are intervals the next one takes a parse that has noted something new.

    Airflow takes some changes only from a later parse, see `later_seconds`. So a second task makes a new marker at
    these times after the last change, and wants a parse that sees it. Each change starts that task again.

    :param store: opens the config store
    :param later_seconds: the times after the last change, ascending
    :param retry_seconds: how long to wait for a parse after each request
    :param settling_seconds: how long a look at the store's marker waits for one of another thread
    """

    def __init__(
        self,
        store: Callable[[], ConfigStore],
        *,
        later_seconds: Sequence[float] = (),
        retry_seconds: Sequence[float] = RETRY_SECONDS,
        settling_seconds: float = SETTLING_SECONDS,
    ) -> None:
        self._store = store
        self._later_seconds = later_seconds
        self._retry_seconds = retry_seconds
        # The next request, if one is wanted: how to send it, and whether to send it even if the marker is seen.
        self._wanted: tuple[ParseRequest, bool] | None = None
        self._settling = threading.Lock()
        self._settling_seconds = settling_seconds
        self._task: asyncio.Task[None] | None = None
        self._later: asyncio.Task[None] | None = None

    def ask_if_unseen(self, request: ParseRequest) -> None:
        """
        Ask for a parse in the background, unless one has seen the whole store. Never fails, and never waits.

        For callers that find a change in the store for which no parse may have been requested yet.
        """
        self._want(request, even_if_seen=False)

    def ask(self, request: ParseRequest, *, even_if_seen: bool = False) -> None:
        """
        Ask for a parse in the background, for a change of one's own. Never fails, and never waits.

        :param even_if_seen: ask even if a parse has seen all markers, since a file may have come without one
        """
        self._want(request, even_if_seen)
        if self._later is not None:
            self._later.cancel()
        self._later = asyncio.create_task(self._ask_later(request))

    async def wait_until_seen(self, limit_seconds: float) -> bool:
        """Return whether a parse has started that sees the whole store as it is now; wait for it up to a limit."""
        try:
            wanted = await asyncio.to_thread(self._marker)
        except DagFactoryError as error:
            log.warning("%s", error)
            return False
        deadline = time.monotonic() + limit_seconds
        while (seen := await asyncio.to_thread(self._seen)) != wanted:
            # Markers are ordered by time, and a later one covers what was written before.
            if wanted is not None and seen is not None and seen > wanted:
                break
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(POLL_SECONDS)
        return True

    async def stop(self) -> None:
        """End what runs in the background."""
        for task in (self._later, self._task):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    def _want(self, request: ParseRequest, even_if_seen: bool) -> None:
        self._wanted = (request, even_if_seen or (self._wanted is not None and self._wanted[1]))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())

    async def _ask_later(self, request: ParseRequest) -> None:
        began = time.monotonic()
        for seconds in self._later_seconds:
            await asyncio.sleep(began + seconds - time.monotonic())
            # A new marker shows when a parse has come.
            with suppress(DagFactoryError):
                await asyncio.to_thread(lambda: self._store().bump())
            self._want(request, even_if_seen=True)

    async def _work(self) -> None:
        while self._wanted is not None:
            request, even_if_seen = self._wanted
            self._wanted = None
            try:
                await self._ask_until_seen(request, even_if_seen)
            except Exception as error:  # noqa: BLE001 - a change is kept whether a parse can be asked for or not
                log.warning("Can't ask Airflow for a parse of the loader: %s", type(error).__name__)

    async def _ask_until_seen(self, request: ParseRequest, even_if_seen: bool) -> None:
        intervals = iter(self._retry_seconds)
        try:
            seen, is_all = await asyncio.to_thread(self._look)
            while even_if_seen or not is_all:
                interval = next(intervals, None)
                if interval is None:
                    log.warning("No parse of the loader has been seen. Is Airflow's DAG processor running?")
                    return
                even_if_seen = False
                await request()
                before = seen
                seen, is_all = await self._look_for_another(before, interval)
                if seen != before:
                    intervals = iter(self._retry_seconds)
        except StoreError as error:
            # Without a marker it can't be known when a parse has seen the change, but the request may still lead to
            # one.
            log.warning("%s", error)
            await request()

    async def _look_for_another(self, before: str | None, seconds: float) -> tuple[str | None, bool]:
        """Return what `_look` does, as soon as another marker is noted or all is seen, or after some seconds."""
        deadline = time.monotonic() + seconds
        while True:
            seen, is_all = await asyncio.to_thread(self._look)
            if seen != before or is_all or time.monotonic() > deadline:
                return seen, is_all
            await asyncio.sleep(POLL_SECONDS)

    def _look(self) -> tuple[str | None, bool]:
        """
        Return the marker that the last parse has seen, and whether it covers all changes so far.

        :raises StoreError: as `_marker` does
        """
        seen = self._seen()
        return seen, seen == self._marker()

    def _marker(self) -> str | None:
        """
        Return a marker that covers all changes.

        :raises StoreError: where one is due and can't be made
        """
        # If another thread is about to make it, `settle` returns at once, and the marker is still the former one. A
        # thread may hang on a network file system for ever, and must not hold up those that come after it is back.
        if not self._settling.acquire(timeout=self._settling_seconds):
            raise StoreError(
                f"config_store has not answered for {self._settling_seconds:.0f} s. Is its file system reachable?"
            )
        try:
            store = self._store()
            store.settle()
            return store.marker()
        finally:
            self._settling.release()

    def _seen(self) -> str | None:
        try:
            return self._store().loaded()
        except DagFactoryError:
            return None


def configured_parses(store: Callable[[], ConfigStore]) -> Parses:
    """Return parses of an Airflow that is configured like this one."""
    return Parses(store, later_seconds=later_seconds(settings.dag_update_seconds(), settings.stale_dag_seconds()))


def later_seconds(dag_update_seconds: float, stale_dag_seconds: float) -> list[float]:
    """
    Return after how many seconds a parse is sure to have an effect that Airflow may have denied to the first one.

    :param dag_update_seconds: after storing a DAG, Airflow does not store it again for so long (``[core]
        min_serialized_dag_update_interval``); 0 without such a limit
    :param stale_dag_seconds: how long a DAG must be missing from parses until Airflow counts it as removed
        (``[dag_processor] stale_dag_threshold``)
    """
    return sorted({seconds + WRITING_SECONDS for seconds in (dag_update_seconds, stale_dag_seconds) if seconds})
