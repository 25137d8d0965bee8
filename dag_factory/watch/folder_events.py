"""File events of the kernel, through watchdog: something has changed, or a file is being written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

from dag_factory.store.folder.listing import Identity
from dag_factory.store.folder.own_files import is_own_file

# Without events for opening and reading files, which the loader does all the time.
EVENTS: list[type[FileSystemEvent]] = [
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
]
# Each is a thread.
MAX_FOLDERS = 200


class FolderEvents(FileSystemEventHandler):
    """
    Calls ``hint`` whenever something changes in one of the folders. What has changed, the watcher finds out by looking.

    Each folder has a watch of its own. watchdog's watches of whole trees may add a new folder twice, and lose one that
    moves.

    :param hint: is called in another thread
    """

    def __init__(self, hint: Callable[[], None]) -> None:
        self._hint = hint
        self._observer: BaseObserver = Observer()
        self._observer.start()
        self._watches: dict[tuple[Path, Identity], ObservedWatch] = {}
        self._lock = threading.Lock()
        self._being_written: set[Path] = set()

    def cover(self, folders: Mapping[Path, Identity]) -> bool:
        """
        Watch these folders and no others; return whether there is one that was not watched before.

        :raises OSError: where the kernel has no more watches to give, or a folder is gone
        """
        if len(folders) > MAX_FOLDERS:
            raise OSError(f"there are more than {MAX_FOLDERS} folders")
        # A watch ends with its folder, and a new folder may be given the inode of the old one.
        alive = {emitter.watch for emitter in self._observer.emitters if emitter.should_keep_running()}
        for folder, watch in list(self._watches.items()):
            if folder not in folders.items() or watch not in alive:
                self._observer.unschedule(watch)
                del self._watches[folder]
        new = folders.items() - self._watches.keys()
        for folder in new:
            # The resolved path: a watch on a link reports changes of the link itself.
            self._watches[folder] = self._observer.schedule(self, str(folder[0].resolve()), event_filter=EVENTS)
        return bool(new)

    def works(self) -> bool:
        """Return whether there is still a thread that hints."""
        return self._observer.is_alive()

    def is_being_written(self, path: Path) -> bool:
        """Return whether a file has been written to and not been closed since."""
        if not self._being_written:
            return False
        with self._lock:
            return path.resolve() in self._being_written

    def close(self) -> None:
        """End all watches and their threads."""
        self._observer.stop()
        self._observer.join()

    def dispatch(self, event: FileSystemEvent) -> None:
        """Handle an event; watchdog calls this."""
        paths = [Path(str(path)) for path in (event.src_path, event.dest_path) if path]
        if all(is_own_file(path.name) for path in paths):
            return
        with self._lock:
            if isinstance(event, FileModifiedEvent):
                self._being_written.add(paths[0])
            else:
                self._being_written.difference_update(paths)
        self._hint()
