"""The watcher: gives changes by hand in the store's folder a marker, asks for a parse, and logs them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from dag_factory.errors import StoreError
from dag_factory.plain_text import one_line
from dag_factory.store.folder.folder_store import FolderStore, Snapshot
from dag_factory.store.folder.listing import Identity, identities, not_listed
from dag_factory.watch.change_log import CHANGED, NEW, REMOVED, report
from dag_factory.watch.changes import Changes, Patience
from dag_factory.watch.hints import Hints, NoHints, no_hints, open_hints
from dag_factory.watch.misnamed import Misnamed
from dag_factory.watch.turn import Turn

log = logging.getLogger(__name__)

# At most a fifth of the time is spent on listing.
REST = 4


@dataclass(frozen=True)
class Pace:
    """
    Times in seconds.

    :param gather: between a file event and the listing that it causes, since such events come in bunches
    :param poll: between two listings where there are no file events
    :param check: between two checks whether the folders are still the same, where there are file events
    :param look: after which folders are listed without a file event, since links may lead out of them
    :param retry: between two attempts to watch, while another process does or the folder is missing
    :param again: after which a parse is requested again where no marker can be written for the change
    """

    patience: Patience = field(default_factory=Patience)
    gather: float = 0.05
    poll: float = 1.0
    check: float = 1.0
    look: float = 30.0
    retry: float = 2.0
    again: float = 10.0


class Watcher:
    """
    Watches a store's folder. File events only say when to list it; what has changed is found by comparing revisions.

    Changes that a writer has announced with its own marker are skipped. All others lead to one new marker, one request
    for a parse, and a log line for each config. The watcher can't know what changed before it started, so it starts
    with a marker and a request.

    :param ask: asks for a parse; its argument: whether to ask even if the store's marker shows no change
    :param poll: use no file events
    """

    def __init__(
        self, store: FolderStore, ask: Callable[[bool], None], *, poll: bool = False, pace: Pace | None = None
    ) -> None:
        self._store = store
        self._ask = ask
        self._poll = poll
        self._pace = pace or Pace()
        self._woken = asyncio.Event()
        self._changes: Changes | None = None
        self._reports: asyncio.Queue[Mapping[str, str]] = asyncio.Queue()
        self._look_seconds = 0.0
        self._is_lost = False
        self._again: asyncio.TimerHandle | None = None
        # The folders that can't be listed, as last logged.
        self._unlisted: Mapping[str, str] = {}
        self._misnamed = Misnamed(store.root)
        # Why it does not watch at the moment, as last logged.
        self._waits_for = ""
        # Changes for which no marker could be made yet, None where no marker is due.
        self._unannounced: dict[str, str | None] | None = None

    async def run(self) -> None:
        """Watch until cancelled; nothing that happens to the folder ends it."""
        reporting = asyncio.create_task(self._report())
        try:
            while True:
                try:
                    with Turn(self._store.root) as turn:
                        await self._watch(turn)
                    continue
                except BlockingIOError:
                    self._wait_for(logging.INFO, f"Another process watches config_store '{self._store.root}'")
                except StoreError as error:
                    self._is_lost = True
                    self._wait_for(
                        logging.ERROR,
                        f"{error} Until the store is back, nothing is deployed or deleted, and all DAGs stay as they "
                        "were",
                    )
                except OSError:
                    self._is_lost = True
                    self._wait_for(
                        logging.INFO,
                        f"config_store '{self._store.root}' can't be listed. It is watched as soon as it can be",
                    )
                await asyncio.sleep(self._pace.retry)
        finally:
            if self._again is not None:
                self._again.cancel()
            reporting.cancel()
            with suppress(asyncio.CancelledError):
                await reporting

    def _wait_for(self, level: int, reason: str) -> None:
        """Log why it does not watch at the moment, once for each reason in a row."""
        if reason != self._waits_for:
            log.log(level, "%s", reason)
            self._waits_for = reason

    async def _watch(self, turn: Turn) -> None:
        """Watch for as long as the lock is ours and the folder can be listed."""
        hints: Hints = NoHints()
        try:
            snapshot = await self._look()
            # Only now: a folder that is not the store can be locked, but not listed.
            self._waits_for = ""
            log.info("Watching config_store '%s'", self._store.root)
            if not self._poll:
                hint = partial(self._wake, asyncio.get_running_loop())
                hints = await asyncio.to_thread(open_hints, snapshot.folders, hint)
            await self._begin(snapshot)
            while not turn.is_over():
                hints = await self._cover(hints, snapshot)
                await self._take_up(hints)
                await self._wait(hints, snapshot.folders)
                snapshot = await self._look()
        finally:
            await asyncio.to_thread(hints.close)

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        """End the waiting; called in another thread."""
        if not self._woken.is_set():
            loop.call_soon_threadsafe(self._woken.set)

    async def _look(self) -> Snapshot:
        self._woken.clear()
        began = time.monotonic()
        snapshot = await asyncio.to_thread(self._store.snapshot)
        now = time.monotonic()
        self._look_seconds = now - began
        for folder, reason in snapshot.unlisted.items():
            if self._unlisted.get(folder) != reason:
                log.warning("%s", not_listed(folder, reason))
        self._unlisted = snapshot.unlisted
        for line in await asyncio.to_thread(self._misnamed.look, snapshot.folders):
            log.warning("%s", one_line(line))
        if self._changes is not None:
            self._changes.see(snapshot.revisions, now)
        return snapshot

    async def _begin(self, snapshot: Snapshot) -> None:
        if self._changes is None:
            self._changes = Changes(snapshot.revisions, self._pace.patience)
            await asyncio.to_thread(self._store.sweep)
            announced = await asyncio.to_thread(self._store.announced)
            there = snapshot.revisions
            await self._announce({key: there.get(key) for key in announced if there.get(key) != announced[key]})
        elif self._is_lost:
            log.info("config_store '%s' is back", self._store.root)
            # A process may have read the former folder meanwhile, so a marker is due though no revision has changed.
            await self._announce({})
        self._is_lost = False
        with suppress(StoreError):
            await asyncio.to_thread(self._store.remember)

    async def _cover(self, hints: Hints, snapshot: Snapshot) -> Hints:
        try:
            if await asyncio.to_thread(hints.cover, snapshot.folders):
                # Changes from before the watch began raise no file event.
                self._woken.set()
        except FileNotFoundError:
            self._woken.set()
        except OSError as error:
            await asyncio.to_thread(hints.close)
            return no_hints(error)
        return hints

    async def _take_up(self, hints: Hints) -> None:
        if not self._changes:
            return await self._settle()
        now = time.monotonic()
        ready = self._changes.ready(now, lambda key: hints.is_being_written(self._store.root / key))
        if not ready:
            return None
        new = self._changes.take(ready, now)
        announced = await asyncio.to_thread(self._store.announced)
        news = {key: revision for key, revision in ready.items() if key not in announced or announced[key] != revision}
        if news:
            await self._announce(news)
            self._reports.put_nowait({key: _kind(revision, key in new) for key, revision in news.items()})
        return None

    async def _settle(self) -> None:
        """Make a marker that could not be made when it was due, a writer's or the watcher's own."""
        try:
            if self._unannounced is not None:
                await self._bump({})
            elif not await asyncio.to_thread(self._store.settle):
                return
        except StoreError as error:
            log.debug("%s", error)
        else:
            self._ask(False)

    async def _bump(self, news: Mapping[str, str | None]) -> None:
        self._unannounced = {**(self._unannounced or {}), **news}
        await asyncio.to_thread(self._store.bump, self._unannounced)
        self._unannounced = None

    async def _announce(self, news: Mapping[str, str | None]) -> None:
        try:
            await self._bump(news)
        except StoreError as error:
            log.debug("%s", error)
            # No marker shows when a parse has seen the change, and Airflow drops requests during a parse.
            self._ask(True)
            if self._again is not None:
                self._again.cancel()
            self._again = asyncio.get_running_loop().call_later(self._pace.again, self._ask, True)
        else:
            self._ask(False)

    async def _wait(self, hints: Hints, folders: Mapping[Path, Identity]) -> None:
        """Wait until it is time to list the folders."""
        pace = self._pace
        if self._changes:
            return await self._rest(pace.patience.settle)
        if not hints.works():
            return await self._rest(pace.poll)
        until = time.monotonic() + pace.look
        while time.monotonic() < until and hints.works():
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._woken.wait(), pace.check)
                return await self._rest(pace.gather)
            if await asyncio.to_thread(identities, folders) != folders:
                return None
        return None

    async def _rest(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, REST * self._look_seconds))

    async def _report(self) -> None:
        """Report in the background, since that opens every changed config."""
        while True:
            changes = await self._reports.get()
            try:
                await asyncio.to_thread(report, self._store, changes)
            except StoreError as error:
                log.warning("%s", error)


def _kind(revision: str | None, is_new: bool) -> str:
    if revision is None:
        return REMOVED
    return NEW if is_new else CHANGED
