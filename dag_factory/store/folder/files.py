"""Files of a config store: replaced and removed atomically, with revisions."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from dag_factory.store.stamps import Stamp

NEW = ".new"
"""Suffix of new files, which have hidden names until they are renamed into place."""

UNREADABLE = "unreadable"
"""The revision of a file that can't be looked at."""

_NEW_NAME = re.compile(rf"\.[0-9a-f]{{32}}{re.escape(NEW)}")
# `sweep` can remove a new file only between its creation and its lock, so for some microseconds.
_ATTEMPTS = 5
# More than a step of any file system's clock.
_UNCERTAIN_SECONDS = 2.0

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# What the kernel says to these flags where there is a pipe without a reader, a socket, a link or a folder.
_NO_FILE = (errno.ENXIO, errno.ELOOP, errno.EISDIR)


class UncertainError(OSError):
    """A change has failed, and it can't be found out whether it was made all the same."""


def replace(path: Path, data: bytes, *, mode: int) -> str:
    """
    Write a file, atomically replacing an older one, and return its revision.

    Its content is on disk before it is renamed into place. The rename is on disk only after `sync`. A process that dies
    here leaves at most a hidden file, which `sweep` removes.

    :raises UncertainError: where it may or may not be in place
    :raises OSError: where it is not in place; the old file is unchanged
    """
    with _new_file(path.parent, mode) as (new, descriptor):
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(data)
        os.fsync(descriptor)
        revision = _revision(os.fstat(descriptor))
        try:
            new.replace(path)
        except OSError as error:
            # Network file systems may do what they are asked, and still report an error.
            if not _is_in_place(path, descriptor, error):
                raise
    return revision


def remove(path: Path) -> bool:
    """
    Remove a file atomically; return whether it existed. The removal is on disk only after `sync`.

    :raises UncertainError: where it may or may not be there still
    :raises OSError: where it is still there
    """
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        if _exists(path, error):
            raise
    return True


def read_own(path: Path, most: int) -> bytes:
    """
    Return the first ``most`` bytes of a file that the store keeps for itself.

    Anybody who can write to the store's folder could put a link to a device or a pipe in its place, which never ends.

    :raises OSError: where it is not a regular file, or can't be read
    """
    descriptor = os.open(path, _READ)
    with os.fdopen(descriptor, "rb") as file:
        _require_regular(descriptor, path)
        return file.read(most)


def append_own(path: Path, flags: int) -> int:
    """
    Open a file that the store keeps for itself, to append to it, and return its descriptor.

    A pipe that somebody has put in its place would block a writer, and all others that wait for its lock.

    :param flags: whether it is made, as ``os.open`` takes them
    :raises OSError: where it is not a regular file, or can't be opened
    """
    try:
        # Readable by the owner only: Airflow's user, who both deploys and watches.
        descriptor = os.open(path, _APPEND | flags, 0o600)
    except OSError as error:
        if error.errno in _NO_FILE:
            raise _not_regular(path) from None
        raise
    try:
        _require_regular(descriptor, path)
    except BaseException:
        with suppress(OSError):
            os.close(descriptor)
        raise
    return descriptor


def sync(folder: Path) -> None:
    """Make the renames and removals in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        with suppress(OSError):
            os.close(descriptor)


def sweep(folder: Path) -> None:
    """Remove the new files of processes that died before the rename. Never fails."""
    with suppress(OSError):
        for name in filter(_NEW_NAME.fullmatch, os.listdir(folder)):  # noqa: PTH208 - names are all that is needed
            with suppress(OSError):
                _sweep(folder / name)


def is_there(path: Path) -> bool:
    """
    Return whether there is a file, or a link, even a broken one.

    :raises OSError: where that can't be found out
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def leads_to(path: Path, descriptor: int) -> bool:
    """
    Return whether a path leads to the open file of a descriptor; links are not followed.

    :raises OSError: where that can't be found out
    """
    try:
        there = path.lstat()
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(descriptor))


def revision_of(path: Path) -> str:
    """Return the revision of the file that a path leads to: it changes when the file does."""
    try:
        return _revision(path.stat())
    except OSError:
        return UNREADABLE


def revision_at(entry: os.DirEntry[str]) -> str:
    """Return the revision of a file that was found in a folder's listing; of a link, that of the file it leads to."""
    try:
        return _revision(entry.stat())
    except OSError:
        return UNREADABLE


def stamp_at(entry: os.DirEntry[str], now: float) -> Stamp:
    """
    Return the stamp of a file that was found in a folder's listing; of a link, that of the file it leads to.

    Those who may write a file can give it any time of its last change, but not the time of the change of its inode
    (``st_ctime``). That time advances in steps, so a file that has just been changed may be changed again unnoticed. So
    may one that is written through a memory map: the kernel then notes a change of a page once until it is on disk.
    What a DAG shows may then be older than what its run uses. The run checks all of its config again.

    :param now: seconds since the epoch
    """
    try:
        status = entry.stat()
    except OSError:
        return Stamp(UNREADABLE, is_certain=False)
    text = f"{_revision(status)}-{status.st_ctime_ns:x}-{status.st_ino:x}-{status.st_dev:x}"
    return Stamp(text, is_certain=status.st_ctime < now - _UNCERTAIN_SECONDS)


@contextmanager
def _new_file(folder: Path, mode: int) -> Iterator[tuple[Path, int]]:
    """Make a file under a hidden name. It is locked, so that `sweep` leaves it, and removed after an exception."""
    new, descriptor = _create(folder, mode)
    try:
        yield new, descriptor
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise
    finally:
        # All of it is on disk by now, so an error here does not matter.
        with suppress(OSError):
            os.close(descriptor)


def _create(folder: Path, mode: int) -> tuple[Path, int]:
    for _ in range(_ATTEMPTS):
        new = folder / f".{uuid4().hex}{NEW}"
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            # Where the file system has no locks, `sweep` removes nothing.
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if leads_to(new, descriptor):
                return new, descriptor
        except BaseException:
            with suppress(OSError):
                new.unlink()
            os.close(descriptor)
            raise
        os.close(descriptor)
    raise OSError(errno.EBUSY, "New files are removed as soon as they are made")


def _sweep(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        # A writer that is still at work holds this lock until the file is renamed into place.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if leads_to(path, descriptor):
            path.unlink()
    finally:
        os.close(descriptor)


def _require_regular(descriptor: int, path: Path) -> None:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise _not_regular(path)


def _not_regular(path: Path) -> OSError:
    return OSError(errno.EINVAL, f"'{path}' is not a regular file, so remove it")


def _is_in_place(path: Path, descriptor: int, failure: OSError) -> bool:
    try:
        return leads_to(path, descriptor)
    except OSError:
        raise UncertainError(failure.errno, failure.strerror) from failure


def _exists(path: Path, failure: OSError) -> bool:
    try:
        return is_there(path)
    except OSError:
        raise UncertainError(failure.errno, failure.strerror) from failure


def _revision(status: os.stat_result) -> str:
    """
    Return the revision of a file: a text that changes when its content or its permissions do.

    It contains neither inode nor ctime, which two machines may see differently on a network folder.
    """
    return f"{status.st_mtime_ns:x}-{status.st_size:x}-{status.st_mode:o}"


def is_utf8(name: str) -> bool:
    """Return whether the name of a file is in UTF-8, as the keys of configs are."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
