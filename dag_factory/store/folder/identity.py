"""The id of a store: in a hidden file, written once and never changed."""

from __future__ import annotations

import os
from contextlib import suppress
from uuid import uuid4

from dag_factory.store.folder.files import NEW
from dag_factory.store.own_files import IDENTITY

# At most so much is read: an operator may write the file by hand, say into a git repository.
_MAX_BYTES = 256


def read_identity(folder: int) -> str | None:
    """
    Return the id of the store in a folder, None where it has none.

    :param folder: descriptor of the folder, since its path may lead elsewhere by now
    :raises OSError: where it can't be read
    """
    try:
        # Opening a pipe of this name must not block.
        descriptor = os.open(IDENTITY, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=folder)
    except FileNotFoundError:
        return None
    try:
        return os.read(descriptor, _MAX_BYTES).decode("utf-8", "replace").strip() or None
    finally:
        with suppress(OSError):
            os.close(descriptor)


def give_identity(folder: int) -> str:
    """
    Return the id of the store in a folder, a new one where it has none. Concurrent callers all get the same id.

    :param folder: descriptor of the folder
    :raises OSError: where it can't be written
    """
    if (present := read_identity(folder)) is not None:
        return present
    identity = uuid4().hex
    new = f".{identity}{NEW}"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            # Workers may run as other users, whatever this process's umask is.
            os.fchmod(descriptor, 0o644)
            file.write(f"{identity}\n".encode())
            file.flush()
            os.fsync(descriptor)
        _put_in_place(new, folder)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(new, dir_fd=folder)
    os.fsync(folder)
    # Another process may have been faster.
    return read_identity(folder) or identity


def _put_in_place(new: str, folder: int) -> None:
    try:
        # A link, unlike a rename, never replaces the file of another process.
        os.link(new, IDENTITY, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        # The file exists, maybe without an id in it, or the file system has no links.
        if read_identity(folder) is None:
            os.replace(new, IDENTITY, src_dir_fd=folder, dst_dir_fd=folder)
