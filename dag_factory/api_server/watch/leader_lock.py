"""The leader lock: of the processes on one machine that could watch a folder, one does."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from types import TracebackType

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

    def __enter__(self) -> LeaderLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
