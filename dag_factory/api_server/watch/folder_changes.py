"""What has changed in the store's folder and is not announced yet; asked of the file system in threads."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from dag_factory.api_server.watch.change_log import CHANGED, NEW, REMOVED
from dag_factory.api_server.watch.pending_changes import Debounce, PendingChanges
from dag_factory.api_server.watch.watched_folder import WatchedFolder
from dag_factory.store.folder.folder_store import FolderStore, Snapshot

if TYPE_CHECKING:
    from dag_factory.api_server.watch.file_events import FileEvents


class FolderChanges:
    """
    Compares a folder with what was processed of it.

    Its methods ask the file system, which may hang, and for thousands of files they take long. So they are called in
    threads, but never two of them at the same time.
    """

    def __init__(self, store: FolderStore, debounce: Debounce) -> None:
        self._store = store
        self._debounce = debounce
        self._folder = WatchedFolder(store)
        # None until it is watched for the first time.
        self._pending: PendingChanges | None = None

    @property
    def listing_seconds(self) -> float:
        """How long the last listing took."""
        return self._folder.seconds

    @property
    def is_marker_due(self) -> bool:
        """Whether a writer's marker was due before the last listing began."""
        return self._folder.is_marker_due

    def __bool__(self) -> bool:
        """Whether there are changes to process, now or later."""
        return bool(self._pending)

    def look(self) -> Snapshot:
        """
        Return what the folder holds, compared with what was processed.

        :raises StoreError: where it can't be listed
        """
        snapshot = self._folder.look()
        if self._pending is not None:
            self._pending.see(snapshot.revisions, time.monotonic())
        return snapshot

    def begin(self, snapshot: Snapshot) -> dict[str, str | None] | None:
        """
        Count what the folder holds as processed; return the keys whose files are not as writers have announced them.

        :return: by key the revision, None where the file is gone; None instead of all where this was done before
        """
        if self._pending is not None:
            return None
        there = snapshot.revisions
        self._pending = PendingChanges(there, self._debounce)
        self._store.sweep()
        announced = self._store.announced()
        return {key: there.get(key) for key in announced if there.get(key) != announced[key]}

    def take(self, events: FileEvents | None) -> dict[str, tuple[str | None, str]]:
        """
        Count the changes that are complete as processed; return those that no writer has announced.

        :return: by key the revision, None where the file is gone, and whether it is NEW, CHANGED or REMOVED
        """
        root, now = self._store.root, time.monotonic()

        def is_being_written(key: str, seen_at: float) -> bool:
            return events is None or events.is_being_written(root / key, seen_at)

        ready = self._pending.ready(now, is_being_written) if self._pending is not None else {}
        if self._pending is None or not ready:
            return {}
        new = self._pending.take(ready, now)
        if events is not None:
            events.forget(root / key for key in ready)
        announced = self._store.announced()
        return {
            key: (revision, _kind(revision, key in new))
            for key, revision in ready.items()
            if key not in announced or announced[key] != revision
        }

    def are_all_announced(self, events: FileEvents) -> bool:
        """Return whether all that events have named is as writers have announced it: then nothing has to be listed."""
        files = events.changed()
        revisions = self._folder.announced(files) if files else None
        if self._pending is None or revisions is None:
            return False
        self._pending.count_as_known(revisions)
        events.forget(self._store.root / key for key in revisions)
        return True


def _kind(revision: str | None, is_new: bool) -> str:
    if revision is None:
        return REMOVED
    return NEW if is_new else CHANGED
