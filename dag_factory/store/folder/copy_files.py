"""The files of last good versions in a folder: how they are listed, read and written."""

from __future__ import annotations

import errno
import logging
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from dag_factory.store.copies import MAX_BYTES, Version, version_in
from dag_factory.store.folder.access import Access
from dag_factory.store.folder.files import NEW
from dag_factory.store.last_good import FOLDER

log = logging.getLogger(__name__)

ABANDONED_SECONDS = 3600.0

SPOILT = frozenset({errno.EACCES, errno.EPERM, errno.EEXIST, errno.EISDIR, errno.ELOOP, errno.ENOTDIR})
"""Errors of a path where something lies that no load has made. Other copies are not affected."""


class Copy(NamedTuple):
    """The file of a copy; its name identifies the content, so that it need not be opened to see if it is current."""

    location: str
    id_part: str
    key_part: str

    @property
    def path(self) -> Path:
        # Of all copies that are listed, few are opened; to make ten thousand paths takes a tenth of a second.
        return Path(self.location)

    @property
    def written(self) -> float:
        """When it was written, in seconds since the epoch; 0 where it was removed meanwhile."""
        with suppress(OSError):
            return self.path.stat().st_mtime
        return 0.0


def newest_first(copies: Iterable[Copy], looks: int = 5) -> Iterator[Version]:
    """Yield the contents of copies, the newest first, without incomplete ones."""
    # There are several only if a load died between writing a new copy and removing the old one.
    for copy in sorted(copies, key=lambda copy: (copy.written, copy.path.name), reverse=True):
        try:
            version = _read(copy.path)
        except FileNotFoundError:
            # A load has just replaced it by a newer one.
            if looks > 1:
                newer = [each for each in copies_in(copy.path.parent) if each.id_part == copy.id_part]
                yield from newest_first(newer, looks - 1)
        else:
            if version is not None:
                yield version
            else:
                log.warning("'%s' is torn, can't be read, or is not as a load writes it, so it is ignored", copy.path)


def check_own(folder: Path) -> None:
    """
    Make sure that nothing is written or removed elsewhere: an author could replace the store's folder by a link.

    :raises OSError: where the store's own folder is a link; the setting's folder, the operator's, may be one
    """
    if folder.name == FOLDER and folder.is_symlink():
        raise OSError(errno.ELOOP, "is a link. Remove it")


def leads_elsewhere(bucket: Path) -> bool:
    """Return whether a link has taken the place of a folder of copies, or of the store's folder around it."""
    return bucket.is_symlink() or (bucket.parent.name == FOLDER and bucket.parent.is_symlink())


def entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """
    Yield the files of all copies.

    :raises OSError: where a folder can't be listed
    """
    with suppress(FileNotFoundError), os.scandir(folder) as buckets:
        for bucket in sorted(entry.name for entry in buckets if len(entry.name) == 2):
            try:
                yield from entries_in(folder / bucket)
            except OSError as error:
                if error.errno not in SPOILT:
                    raise
                log.warning("the last good versions in '%s' can't be listed: %s", folder / bucket, error.strerror)


def entries_in(bucket: Path) -> Iterator[os.DirEntry[str]]:
    """
    Yield the files of copies in one folder of them, none where it is a link: others' files would pass for copies.

    Files of loads that died long ago are removed.
    """
    if leads_elsewhere(bucket):
        return
    with suppress(FileNotFoundError), os.scandir(bucket) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and entry.name.count(".") == 3:
                if not entry.is_dir(follow_symlinks=False):
                    yield entry
            elif entry.name.endswith(NEW):
                remove([entry], time.time() - ABANDONED_SECONDS)


def copies_in(bucket: Path) -> list[Copy]:
    """Return the copies in one folder of them; none, with a log line, where it can't be listed."""
    try:
        return [copy_of(entry) for entry in entries_in(bucket)]
    except OSError as error:
        log.warning("the last good versions in '%s' can't be listed: %s", bucket, error.strerror)
        return []


def copy_of(entry: os.DirEntry[str]) -> Copy:
    """Return the copy that a file's name describes."""
    id_part, key_part, _, _ = entry.name.split(".")
    return Copy(entry.path, id_part, key_part)


def belongs(entry: os.DirEntry[str], id_part: str) -> bool:
    """Return whether a file is the copy for a DAG id, given as the part of a name."""
    return entry.name.partition(".")[0] == id_part


def size_of(entry: os.DirEntry[str] | None) -> int | None:
    """Return a file's size in bytes, None where it is missing."""
    with suppress(FileNotFoundError):
        return entry.stat(follow_symlinks=False).st_size if entry is not None else None
    return None


def remove(entries: Iterable[os.DirEntry[str]], since: float) -> None:
    """Remove the files that were written before a moment, where they are ours and can be removed."""
    for entry in entries:
        with suppress(FileNotFoundError):
            if entry.stat(follow_symlinks=False).st_mtime < since:
                _remove(Path(entry.path))


def _remove(path: Path) -> None:
    # Again, since writing copies may have taken seconds since the folder was listed.
    if leads_elsewhere(path.parent):
        return
    try:
        path.unlink()
    except OSError as error:
        if error.errno not in SPOILT:
            raise
        log.debug("can't remove %s: %s", path, error.strerror)


def write(path: Path, content: bytes, access: Access) -> None:
    """
    Write a copy atomically.

    :raises OSError: where it can't be written; nothing is left behind
    """
    path.parent.mkdir(exist_ok=True)
    if leads_elsewhere(path.parent):
        raise OSError(errno.ELOOP, "is a link. Remove it")
    new = path.with_name(f".{uuid4().hex}{NEW}")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            access.apply(descriptor)
            file.write(content)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _read(path: Path) -> Version | None:
    """
    Return the content of a copy, None where it is incomplete or can't be read.

    :raises FileNotFoundError: where it is missing
    """
    try:
        # Opening a pipe would block until there is a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise
    except (OSError, ValueError):
        return None
    return version_in(content, path.name)
