"""Files of a config store, put in place durably and in one step, and how to see that one has changed."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

NEW = ".new"
"""How the hidden names of files end that are not in their place yet."""


def replace(path: Path, data: bytes, *, mode: int) -> str:
    """
    Put a file in the place of another and return its revision: durably, and in one step.

    A crash leaves nothing but a hidden file.
    """
    new = path.with_name(f".{uuid4().hex}{NEW}")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
            revision = _revision(os.fstat(descriptor))
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    sync(path.parent)
    return revision


def sync(folder: Path) -> None:
    """Make what was renamed or removed in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def revision_of(path: Path) -> str:
    """Return a text that is another one once the file that a path leads to is."""
    try:
        return _revision(path.stat())
    except OSError:
        return "unreadable"


def _revision(status: os.stat_result) -> str:
    """
    Return a text that is another one once a file's content or its permissions are.

    Neither the inode nor the time of its change are in it: on network folders two machines may see different ones.
    """
    return f"{status.st_mtime_ns:x}-{status.st_size:x}-{status.st_mode:o}"
