"""The changes of a store that no version marker covers yet, noted on disk from before each change until one does."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from dag_factory.store.folder.files import read_own, sync

# As many keys as there may be configs.
_MAX_BYTES = 128 * 1024 * 1024
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


class Pending:
    """
    A file that names the keys of changes that may have been made, and that no marker covers.

    It is there before the first change and goes only after the marker, each on disk before the next. So a writer that
    dies in between leaves it behind, and the process that finds it knows that a new marker is due.

    It is changed under the store's lock alone.
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
            # The line break comes first: a line that was torn when the disk was full spoils no other one.
            os.write(descriptor, b"\n" + json.dumps(key).encode())
        finally:
            with suppress(OSError):
                os.close(descriptor)
        if not self._is_on_disk:
            # The file's name is what counts. What is lost of its lines in a power cut costs a parse, at most.
            sync(self._path.parent)
            self._is_on_disk = True

    def withdraw(self, key: str) -> None:
        """Forget a change that was noted and then not made, unless others were noted as well, maybe by others."""
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
        """Forget them all: a marker covers them. Where the file can't be removed, that costs a needless marker."""
        self._is_on_disk, self._only = False, None
        with suppress(OSError):
            self._path.unlink()

    def _open(self) -> tuple[int, bool]:
        try:
            return os.open(self._path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600), True
        except FileExistsError:
            return os.open(self._path, _FLAGS), False
