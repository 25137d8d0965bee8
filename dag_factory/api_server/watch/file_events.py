"""File events of the kernel, through watchdog: something has changed, or a file is complete."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psutil
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
from watchdog.observers.api import BaseObserver, ObservedWatch
from watchdog.utils import UnsupportedLibcError

from dag_factory.store.folder.listing import Identity
from dag_factory.store.own_files import is_own_file

if TYPE_CHECKING:
    from watchdog.observers.inotify import InotifyObserver

log = logging.getLogger(__name__)

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
# Each is a thread of watchdog's.
MAX_FOLDERS = 200
# Where more files have changed, their names are not kept: all files are listed anyway.
MAX_CHANGED = 200

# File systems that other machines change too, which the kernel does not report. By the kernel's names; of FUSE's
# (`fuse.sshfs`, `fuse.s3fs`) the first part.
REMOTE = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "smb2", "ncpfs", "afs", "coda"),
        *("9p", "virtiofs", "vboxsf", "prl_fs", "fuse", "fuseblk"),
        *("ceph", "glusterfs", "lustre", "gpfs", "beegfs", "gfs2", "ocfs2", "orangefs", "pvfs2"),
    }
)


class FileEvents(FileSystemEventHandler):
    """
    Calls ``wake`` whenever something changes in one of the folders. The watcher then lists them to see what it was.

    Each folder has a watch of its own. A recursive watch of watchdog's would be one thread for all, but leaves out,
    without an error, the folders below for which the kernel has no watch left.

    :param wake: is called in another thread
    :raises OSError: where the kernel can't report file events
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        # Full events: they distinguish a file that is moved here from one that is created, and may be incomplete.
        self._observer: BaseObserver = _inotify()(generate_full_events=True)
        self._observer.start()
        self._watches: dict[tuple[Path, Identity], ObservedWatch] = {}
        # Where the folders are, without links: events name files there.
        self._resolved: dict[Path, Path] = {}
        # Since when all changes of a folder raise events, so that those of a file can be waited for.
        self._complete_since: dict[Path, float] = {}
        # Whether a file was closed or moved here since it was written to; nothing where no event has come.
        self._is_whole: dict[Path, bool] = {}
        # What events have named since this was asked last.
        self._changed: set[Path] = set()
        self._changing = threading.Lock()

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
                self._complete_since.pop(self._resolved.pop(folder[0]), None)
        # A listing has come since the folders were watched, so it has seen all earlier changes.
        now = time.monotonic()
        self._complete_since = {path: min(since, now) for path, since in self._complete_since.items()}
        new = folders.items() - self._watches.keys()
        for folder in new:
            # The resolved path: a watch on a link reports changes of the link itself.
            path = self._resolved[folder[0]] = folder[0].resolve()
            self._complete_since[path] = math.inf
            self._watches[folder] = self._observer.schedule(self, str(path), event_filter=EVENTS)
        return bool(new)

    def works(self) -> bool:
        """Return whether there is still a thread that reports events."""
        return self._observer.is_alive()

    def is_being_written(self, file: Path, seen_at: float) -> bool:
        """
        Return whether a changed file may be incomplete: no event has reported yet that it was closed or moved here.

        Where there may be no such event, it counts as whole: its folder was not watched yet, or it is a link out of the
        folders.

        :param seen_at: when the change was seen, by the monotonic clock
        """
        path = self._path(file)
        is_whole = self._is_whole.get(path, seen_at < self._complete_since.get(path.parent, math.inf))
        return not is_whole

    def changed(self) -> list[Path] | None:
        """Return the files that events have named since the last call; None where these are too many, or elsewhere."""
        with self._changing:
            changed, self._changed = self._changed, set()
        folders = {resolved: folder for folder, resolved in self._resolved.items()}
        if len(changed) > MAX_CHANGED or any(path.parent not in folders for path in changed):
            return None
        return [folders[path.parent] / path.name for path in changed]

    def forget(self, files: Iterable[Path]) -> None:
        """Forget what events have reported of files: the next change of one needs an event of its own."""
        for file in files:
            self._is_whole.pop(self._path(file), None)

    def close(self) -> None:
        """End all watches and their threads."""
        self._observer.stop()
        self._observer.join()

    def dispatch(self, event: FileSystemEvent) -> None:
        """Handle an event; watchdog calls this."""
        paths = [Path(str(path)) for path in (event.src_path, event.dest_path) if path]
        if all(is_own_file(path.name) for path in paths):
            return
        with self._changing:
            if len(self._changed) <= MAX_CHANGED:
                self._changed.update(path for path in paths if not is_own_file(path.name))
        for path in paths:
            self._is_whole.pop(path, None)
        if isinstance(event, FileModifiedEvent):
            self._is_whole[paths[0]] = False
        elif isinstance(event, FileClosedEvent) or (isinstance(event, FileMovedEvent) and event.dest_path):
            self._is_whole[paths[-1]] = True
        self._wake()

    def _path(self, file: Path) -> Path:
        folder = self._resolved.get(file.parent)
        # Unlike a Path's, these fail neither for a link that leads to itself nor in a folder that can't be searched.
        is_link = os.path.islink(file)  # noqa: PTH114
        return Path(os.path.realpath(file)) if folder is None or is_link else folder / file.name


def _inotify() -> type[InotifyObserver]:
    try:
        from watchdog.observers.inotify import InotifyObserver
    except UnsupportedLibcError:
        # macOS reports changes, and not when a file is closed.
        raise OSError("it is not Linux") from None
    return InotifyObserver


class Mount(NamedTuple):
    """What is asked of a mounted file system; psutil's has more fields."""

    mountpoint: str
    fstype: str


def open_file_events(folders: Iterable[Path], wake: Callable[[], None]) -> FileEvents | None:
    """
    Return the file events of folders, None where the kernel does not see all changes in one of them.

    :raises OSError: where the kernel can't report file events
    """
    mounts = psutil.disk_partitions(all=True)
    for folder in folders:
        if (kind := remote_kind(folder, mounts)) is not None:
            log.info("'%s' is polled, since file systems of type %s don't report all changes", folder, kind)
            return None
    return FileEvents(wake)


def remote_kind(folder: Path, mounts: Iterable[Mount]) -> str | None:
    """Return the type of a folder's file system, such as ``nfs4``, None where this kernel sees every change."""
    path = folder.resolve()
    around = [mount for mount in mounts if path.is_relative_to(mount.mountpoint)]
    # A later mount on the same point covers an earlier one.
    nearest = max(reversed(around), key=lambda mount: len(mount.mountpoint), default=None)
    return nearest.fstype if nearest is not None and nearest.fstype.split(".")[0] in REMOTE else None
