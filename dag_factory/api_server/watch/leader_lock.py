"""The leader lock: of the processes on one machine that could watch a folder, one does."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType

from dag_factory.api_server.watch.threads import finish, submit

# Errors of file systems that have no such locks, or only for files (NFS).
_NO_LOCKS = frozenset({errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})


class LeaderLock:
    """
    A lock on the folder itself, so that no lock file is needed. The kernel releases it when the process ends.

    Where the file system has no such locks, every process watches: the first one that sees a change announces it, and
    at worst it is parsed twice.

    :raises BlockingIOError: where another process holds it
    :raises OSError: where the folder can't be opened
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                os.close(self._descriptor)
                raise

    def is_stale(self) -> bool:
        """Return whether the path leads to another folder by now, or to none."""
        try:
            there, mine = self._folder.stat(), os.fstat(self._descriptor)
        except OSError:
            return True
        return (there.st_dev, there.st_ino) != (mine.st_dev, mine.st_ino)

    def release(self) -> None:
        """Release the lock."""
        os.close(self._descriptor)

    def __enter__(self) -> LeaderLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


@asynccontextmanager
async def leading(folder: Path) -> AsyncIterator[LeaderLock]:
    """
    Hold the leader lock of a folder, with all that asks the file system in threads: it may hang.

    :raises BlockingIOError: where another process holds it
    :raises OSError: where the folder can't be opened
    """
    taking = submit(LeaderLock, folder)
    try:
        lock = await asyncio.wrap_future(taking)
    except asyncio.CancelledError:
        # The thread goes on, and may get the lock later.
        taking.add_done_callback(_release_taken)
        raise
    try:
        yield lock
    finally:
        await finish(lock.release)


def _release_taken(taking: Future[LeaderLock]) -> None:
    if not taking.cancelled() and taking.exception() is None:
        submit(taking.result().release)
