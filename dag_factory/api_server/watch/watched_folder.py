"""Lists the store's folder, and logs what in it can't be listed or is not read as a config."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from dag_factory.portable.plain_text import one_line
from dag_factory.store.folder.folder_store import FolderStore, Snapshot
from dag_factory.store.folder.listing import not_listed
from dag_factory.store.folder.misnamed import Misnamed
from dag_factory.store.own_files import PENDING, is_key

log = logging.getLogger(__name__)

# A writer takes some milliseconds between a change and its marker.
WRITER_SECONDS = 0.5
# Further names that are left out are only counted.
MAX_IGNORED = 100


class WatchedFolder:
    """Lists a folder repeatedly, logs each finding once, and keeps how long the last listing took."""

    def __init__(self, store: FolderStore) -> None:
        self._store = store
        self._misnamed = Misnamed(store.root)
        # The folders that can't be listed, as last logged.
        self._unlisted: Mapping[str, str] = {}
        # What the last listing has left out for its name, or as another path of a folder.
        self._ignored: Mapping[str, str] = {}
        self.seconds = 0.0
        # Whether a writer's marker was due before the last listing began, so that it has listed the writer's changes.
        self.is_marker_due = False

    def announced(self, files: Iterable[Path]) -> dict[str, str | None] | None:
        """
        Return the revisions of some files, None where not each of them is a config that a writer has announced as it is
        now. Waits for a writer that is about to announce, but not for long: it may have died.
        """
        deadline = time.monotonic() + WRITER_SECONDS
        while os.path.lexists(self._store.root / PENDING):
            if time.monotonic() > deadline:
                return None
            time.sleep(0.01)
        keys = [path.relative_to(self._store.root).as_posix() for path in files]
        if not all(map(is_key, keys)):
            return None
        announced = self._store.announced()
        found = {key: self._store.revision(key) for key in keys}
        return found if all(key in announced and announced[key] == found[key] for key in keys) else None

    def look(self) -> Snapshot:
        """
        Return what the folder holds.

        :raises StoreError: where it can't be listed
        """
        self.is_marker_due = os.path.lexists(self._store.root / PENDING)
        began = time.monotonic()
        snapshot = self._store.snapshot()
        self.seconds = time.monotonic() - began
        for folder, reason in snapshot.unlisted.items():
            if self._unlisted.get(folder) != reason:
                log.warning("%s", not_listed(folder, reason))
        self._unlisted = snapshot.unlisted
        new = [message for path, message in snapshot.ignored.items() if path not in self._ignored]
        for message in new[:MAX_IGNORED]:
            log.warning("config_store: %s", message)
        if len(new) > MAX_IGNORED:
            log.warning("config_store: %d more files or folders are ignored for such reasons", len(new) - MAX_IGNORED)
        self._ignored = snapshot.ignored
        for line in self._misnamed.look(snapshot.folders):
            log.warning("%s", one_line(line))
        return snapshot
