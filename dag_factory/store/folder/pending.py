"""The changes that no version marker covers yet: noted on disk before each change, until a marker is made."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from dag_factory.store.folder.files import append_own, read_own, sync

# As many keys as there may be configs.
_MAX_BYTES = 32 * 1024 * 1024


class Pending:
    """
    A file with the keys of changes that may have been made, and that no marker covers.

    It is on disk before the first change, and removed after the marker is. So a writer that dies in between leaves it
    behind, and the process that finds it knows that a marker must be made.

    It is changed only under the store's lock.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_on_disk = False
        self._only: str | None = None

    def exists(self) -> bool:
        """Return whether there may be such changes; False where the store can't be reached."""
        return os.path.lexists(self._path)

    def add(self, key: str) -> None:
        """
        Note a change that is about to be made.

        :raises OSError: where it can't be noted, so that the change must not be made
        """
        descriptor, is_first = self._open()
        self._only = key if is_first else None
        try:
            # The line break comes first, so that a line cut off by a full disk can't damage the next one.
            os.write(descriptor, b"\n" + json.dumps(key).encode())
        finally:
            with suppress(OSError):
                os.close(descriptor)
        if not self._is_on_disk:
            # That the file exists is what counts. A line that is lost in a power cut costs a parse, at most.
            sync(self._path.parent)
            self._is_on_disk = True

    def withdraw(self, key: str) -> None:
        """Forget a change that was noted and then not made, if it is the only one."""
        if self._only == key:
            self.clear()

    def changes(self) -> list[str]:
        """Return the keys of all changes, each once, as far as they can be read."""
        keys: dict[str, None] = {}
        with suppress(OSError, ValueError):
            for line in read_own(self._path, _MAX_BYTES).decode().splitlines():
                with suppress(ValueError, RecursionError):
                    if isinstance(key := json.loads(line), str):
                        keys[key] = None
        return list(keys)

    def clear(self) -> None:
        """Forget all changes: a marker covers them. If the file can't be removed, that costs a needless marker."""
        self._is_on_disk, self._only = False, None
        with suppress(OSError):
            self._path.unlink()

    def _open(self) -> tuple[int, bool]:
        try:
            return append_own(self._path, os.O_CREAT | os.O_EXCL), True
        except FileExistsError:
            return append_own(self._path, 0), False
