"""The watcher: gives changes by hand in the store's folder a marker, asks for a parse, and logs them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dag_factory.api_server.watch.announcer import Announcer
from dag_factory.api_server.watch.change_log import report
from dag_factory.api_server.watch.folder_changes import FolderChanges
from dag_factory.api_server.watch.intervals import Intervals
from dag_factory.api_server.watch.leader_lock import LeaderLock, leading
from dag_factory.api_server.watch.threads import finish, in_thread
from dag_factory.api_server.watch.unexpected import where
from dag_factory.errors import StoreError
from dag_factory.store.folder.folder_store import FolderStore, Snapshot
from dag_factory.store.folder.listing import Identity, identities

if TYPE_CHECKING:
    from dag_factory.api_server.watch.file_events import FileEvents

log = logging.getLogger(__name__)

# At most a fifth of the time is spent on listing.
REST = 4

OpenEvents = Callable[[Mapping[Path, Identity], Callable[[], None]], "FileEvents | None"]
"""Returns the file events of folders, which call back at each; None where the folders must be polled."""


class FolderWatcher:
    """
    Watches a store's folder. File events only say when to list it; what has changed is found by comparing revisions.

    Changes that a writer has announced with its own marker are skipped, and where file events name no others, no folder
    is listed. All others lead to one new marker, one request for a parse, and a log line for each config.

    It is in one of two states, and in no other::

        waiting ─── the leader lock is taken, and the folder can be listed ───▶ watching
        waiting ─── after `retry` seconds ────────────────────────────────────▶ waiting, another attempt
        watching ── the folder can't be listed ───────────────────────────────▶ waiting
        watching ── its path leads to another folder, or to none ─────────────▶ waiting, without a pause

    While it watches, it lists the folders, has file events cover them, processes the changes that are complete, and
    waits. A file event ends the wait; so does `check` where a folder has been replaced, and `look`. Without file events
    `poll` does, and while changes are pending the debounce time.

    No change is lost. Each listing is compared with what was processed, whatever happened in between, also while it was
    waiting. An event that comes during a listing or after it ends the next wait; after a folder is newly covered, it is
    listed again. What changed before the watcher started, or while the folder could not be listed, can't be known: so
    both end with a new marker and a request. A marker that can't be made stays due.

    :param ask: asks for a parse; its argument: whether to ask even if the store's marker shows no change
    :param open_events: opens the file events, None to use none
    """

    def __init__(
        self,
        store: FolderStore,
        ask: Callable[[bool], None],
        *,
        open_events: OpenEvents | None = None,
        intervals: Intervals | None = None,
    ) -> None:
        self._store = store
        self._open_events = open_events
        self._intervals = intervals or Intervals()
        self._changes = FolderChanges(store, self._intervals.debounce)
        self._announcer = Announcer(store, ask, self._intervals.again)
        self._reports: asyncio.Queue[Mapping[str, str]] = asyncio.Queue()
        self._woken = asyncio.Event()
        # Whether the folder could not be listed since it was watched last.
        self._is_lost = False
        # Whether it must list the folder again, whatever file events name.
        self._is_look_due = False
        # Why it does not watch at the moment, as last logged.
        self._waits_for = ""

    async def run(self) -> None:
        """Watch until cancelled; nothing that happens to the folder ends it."""
        reporting = asyncio.create_task(self._report())
        try:
            while True:
                if not await self._watch_if_possible():
                    await asyncio.sleep(self._intervals.retry)
        finally:
            self._announcer.stop()
            reporting.cancel()
            await asyncio.gather(reporting, return_exceptions=True)

    async def _watch_if_possible(self) -> bool:
        """Watch for as long as possible; return whether it may be possible again at once."""
        folder = f"config_store '{self._store.root}'"
        try:
            async with leading(self._store.root) as lock:
                await self._watch(lock)
        except BlockingIOError:
            self._log_wait(logging.INFO, f"Another process watches {folder}")
        except StoreError as error:
            self._is_lost = True
            consequence = "Until the store is back, nothing is deployed or deleted, and all DAGs stay as they were"
            self._log_wait(logging.ERROR, f"{error} {consequence}")
        except OSError:
            self._is_lost = True
            self._log_wait(logging.INFO, f"{folder} can't be listed. It is watched as soon as it can be")
        else:
            return True
        return False

    def _log_wait(self, level: int, reason: str) -> None:
        """Log why it does not watch at the moment, once for each reason in a row."""
        if reason != self._waits_for:
            log.log(level, "%s", reason)
            self._waits_for = reason

    async def _watch(self, lock: LeaderLock) -> None:
        """Watch for as long as the lock is on the store's folder and that can be listed."""
        events: FileEvents | None = None
        try:
            snapshot = await self._look()
            # Only now: a folder that is not the store can be locked, but not listed.
            self._waits_for = ""
            log.info("Watching config_store '%s'", self._store.root)
            events = await self._opened_events(snapshot.folders)
            await self._begin(snapshot)
            while not await in_thread(lock.is_stale):
                events = await self._cover(events, snapshot.folders)
                await self._take_up(events)
                await self._wait(events, snapshot.folders)
                snapshot = await self._look()
        finally:
            if events is not None:
                await finish(events.close)

    async def _look(self) -> Snapshot:
        self._woken.clear()
        self._is_look_due = False
        return await in_thread(self._changes.look)

    async def _opened_events(self, folders: Mapping[Path, Identity]) -> FileEvents | None:
        if self._open_events is None:
            return None
        wake = partial(self._wake, asyncio.get_running_loop())
        try:
            events = await in_thread(self._open_events, folders, wake)
        except OSError as error:
            log_polling(error)
            return None
        return await self._cover(events, folders)

    def _look_again(self) -> None:
        self._is_look_due = True
        self._woken.set()

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        """End the waiting; called in another thread."""
        if not self._woken.is_set():
            loop.call_soon_threadsafe(self._woken.set)

    async def _begin(self, snapshot: Snapshot) -> None:
        # Before anything else: if the store is unmounted next, no process on this machine takes it for an empty one.
        with suppress(StoreError):
            await in_thread(self._store.remember)
        unannounced = await in_thread(self._changes.begin, snapshot)
        if unannounced is not None:
            await self._announcer.announce(unannounced)
        elif self._is_lost:
            log.info("config_store '%s' is back", self._store.root)
            # A process may have read the former folder meanwhile, so a marker is due though no revision has changed.
            await self._announcer.announce({})
        self._is_lost = False

    async def _cover(self, events: FileEvents | None, folders: Mapping[Path, Identity]) -> FileEvents | None:
        if events is None:
            return None
        try:
            if await in_thread(events.cover, folders):
                # Changes from before the watch began raise no file event.
                self._look_again()
        except FileNotFoundError:
            self._look_again()
        except OSError as error:
            await finish(events.close)
            log_polling(error)
            return None
        return events

    async def _take_up(self, events: FileEvents | None) -> None:
        if not self._changes:
            return await self._announcer.settle(writers_too=self._changes.is_marker_due)
        news = await in_thread(self._changes.take, events)
        if news:
            await self._announcer.announce({key: revision for key, (revision, _) in news.items()})
            self._reports.put_nowait({key: kind for key, (_, kind) in news.items()})
        return None

    async def _wait(self, events: FileEvents | None, folders: Mapping[Path, Identity]) -> None:
        """Wait until it is time to list the folders."""
        intervals = self._intervals
        if self._changes:
            return await self._rest(intervals.debounce.settle)
        if events is None or not events.works():
            return await self._rest(intervals.poll)
        until = time.monotonic() + intervals.look
        while time.monotonic() < until and events.works():
            if await self._is_woken(intervals.check):
                await self._rest(intervals.gather)
                if not await self._are_all_announced(events):
                    return None
            if await in_thread(identities, folders) != folders:
                return None
        return None

    async def _are_all_announced(self, events: FileEvents) -> bool:
        """Return whether all that events have named is as writers have announced it: then nothing has to be listed."""
        if self._is_look_due or self._changes.is_marker_due:
            return False
        self._woken.clear()
        return await in_thread(self._changes.are_all_announced, events)

    async def _is_woken(self, seconds: float) -> bool:
        """Return whether there was a file event, for which it waits at most so long."""
        # Before Python 3.12, `asyncio.wait_for` loses a cancellation that comes at the same time as the event.
        woken = asyncio.create_task(self._woken.wait())
        try:
            await asyncio.wait([woken], timeout=seconds)
        finally:
            woken.cancel()
        return self._woken.is_set()

    async def _rest(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, REST * self._changes.listing_seconds))

    async def _report(self) -> None:
        """Report in the background, since that opens every changed config."""
        while True:
            changes = await self._reports.get()
            try:
                await in_thread(report, self._store, changes)
            except StoreError as error:
                log.warning("%s", error)
            except Exception as error:  # noqa: BLE001 - else no later change would be logged, until a restart
                log.error("Changed configs can't be logged (%s). Please report this bug", where(error))


def log_polling(error: OSError) -> None:
    """Log why there are no file events."""
    log.warning("The kernel can't report changes (%s), so config_store is polled", error.strerror or error)
