"""A lock between the writers of a store, in this process and in others."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dag_factory.store.folder.files import leads_to

_FIRST_PAUSE_SECONDS = 0.002
_LONGEST_PAUSE_SECONDS = 0.05


class Lock:
    """
    A lock on a file, which is created where it is missing; the kernel frees the lock when the process ends.

    The file is never removed here, since others may wait for it. Where somebody else removes it, or replaces the
    folder, the lock no longer holds: `is_valid` says so.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def is_valid(self) -> bool:
        """Return whether others that lock the same path have to wait for this lock."""
        try:
            return leads_to(self._path, self._descriptor)
        except OSError:
            return False


@contextmanager
def locked(path: Path, limit_seconds: float) -> Iterator[Lock]:
    """
    Hold a lock; wait for it while another process or thread holds it.

    :param limit_seconds: how long to wait; 0 not to wait at all
    :raises TimeoutError: where the lock was not free within the limit
    :raises OSError: where the file can't be opened or locked
    """
    descriptor = _acquire(path, limit_seconds)
    try:
        yield Lock(path, descriptor)
    finally:
        # What was done under the lock is done, so an error here does not matter.
        with suppress(OSError):
            os.close(descriptor)


def _acquire(path: Path, limit_seconds: float) -> int:
    deadline = time.monotonic() + limit_seconds
    pause = _FIRST_PAUSE_SECONDS
    # Polled, since the kernel's own waiting has no time limit.
    while (descriptor := _try(path)) is None:
        if time.monotonic() >= deadline:
            raise TimeoutError(f"not free within {limit_seconds:.0f} s")
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
    return descriptor


def _try(path: Path) -> int | None:
    # Open for writing, as NFS needs for an exclusive lock.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The file may have been removed meanwhile; another process may hold the lock on a new one.
        if leads_to(path, descriptor):
            return descriptor
    except BlockingIOError:
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None
