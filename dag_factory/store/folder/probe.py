"""Tries whether a folder's file system keeps the promises that writers rely on."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from dag_factory.errors import StoreError
from dag_factory.store.folder.files import NEW


def probe(root: Path) -> None:
    """
    Lock a new hidden file twice, write and rename it, and remove it.

    If this process dies meanwhile, the next writer sweeps it.

    :raises StoreError: where one of these does not work
    """
    # Swept by name, where nobody has locked it.
    first, second = (root / f".{uuid4().hex}{NEW}" for _ in range(2))
    try:
        try:
            _lock_twice(first, root)
            first.replace(second)
        finally:
            for path in (first, second):
                with suppress(FileNotFoundError):
                    path.unlink()
    except OSError as error:
        raise StoreError(
            f"config_store '{root}' can't be written as writers need it: {error.strerror}. Check the rights of this "
            "user, and whether the file system is full or mounted read-only."
        ) from error


def _lock_twice(path: Path, root: Path) -> None:
    held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreError(
                f"config_store '{root}' is on a file system without locks (flock: {error.strerror}), so nothing can be "
                "deployed. Mount it with locks, such as NFS 4 without 'nolock', or use object storage."
            ) from error
        os.write(held, b"{}")
        os.fsync(held)
        other = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        finally:
            os.close(other)
    finally:
        os.close(held)
    raise StoreError(
        f"config_store '{root}' is on a file system whose locks have no effect, so two deploys at once may lose one. "
        "Mount it with locks, such as NFS 4 without 'nolock', or use object storage."
    )
