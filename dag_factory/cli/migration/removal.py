"""Removes generated files from a DAGs folder, each only once a copy of it is kept."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from dag_factory.cli.migration.generated import Generated
from dag_factory.store.folder.files import sync

_INDEX = struct.Struct(">4sI")
# From this version on, Git's index has only what differs between one path and the next.
_SHORTENED = 4


class Backup:
    """
    A folder for copies of what is changed. It is made with the first copy, and only its owner can read it.

    :param path: the folder, which does not exist yet
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_made = False

    def keep(self, name: str, data: bytes) -> None:
        """
        Keep a copy on disk.

        :param name: its path in the backup
        :raises OSError: where that can't be done
        """
        target = self.path / name
        for folder in reversed(Path(name).parents):
            (self.path / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self.is_made = True
        sync(target.parent)


class Removal:
    """
    Removes generated files of a DAGs folder.

    :param folder: the DAGs folder
    :param backup: gets a copy of each file before it is removed
    """

    def __init__(self, folder: Path, backup: Backup) -> None:
        self._folder = folder
        self._backup = backup

    def obstacle(self, file: Generated) -> str | None:
        """Return why a file can't be removed here, None where it can."""
        if self._tracked is not None and self._tracked.holds(file.path):
            return "it is in a Git repository. Remove it there, else the next sync brings it back"
        effective = os.access in os.supports_effective_ids
        if not os.access(file.path.parent, os.W_OK | os.X_OK, effective_ids=effective):
            return (
                f"this user can't write to '{file.path.parent}'. Run the command as one who can; where the folder "
                "comes from a repository or an image, remove the file there"
            )
        return None

    def remove(self, file: Generated) -> str | None:
        """Keep a copy of a file and remove it; return why that was not done, None where it was."""
        try:
            if file.path.is_symlink() or file.path.read_bytes() != file.data:
                return "it was changed meanwhile. Run the command again"
        except FileNotFoundError:
            return None
        except OSError as error:
            return f"it can't be read any more: {error.strerror}"
        try:
            self._backup.keep(str(Path("dags", file.path.relative_to(self._folder))), file.data)
        except OSError as error:
            return (
                f"no copy of it can be kept in '{self._backup.path.parent}': {error.strerror}. Name another: --backup"
            )
        try:
            file.path.unlink(missing_ok=True)
        except OSError as error:
            return f"it can't be removed: {error.strerror}"
        return None

    @cached_property
    def _tracked(self) -> _Index | None:
        return next(_indexes(self._folder), None)


class _Index:
    """What a Git checkout holds; it is read here, since `git` would run what the repository's configuration says."""

    def __init__(self, checkout: Path, data: bytes) -> None:
        self._checkout = checkout
        self._data = data

    def holds(self, path: Path) -> bool:
        """Return whether a file is in the repository; True where that is unknown."""
        if len(self._data) < _INDEX.size or _INDEX.unpack_from(self._data)[1] >= _SHORTENED:
            return True
        return os.fsencode(path.resolve().relative_to(self._checkout)) + b"\0" in self._data


def _indexes(folder: Path) -> Iterator[_Index]:
    """Yield the index of the Git checkout that a folder lies in."""
    resolved = folder.resolve()
    for checkout in (resolved, *resolved.parents):
        entry = checkout / ".git"
        try:
            if entry.is_file():
                # A worktree, as git-sync makes them: the file says where the rest is.
                entry = checkout / entry.read_text().removeprefix("gitdir:").strip()
            elif not entry.is_dir():
                continue
            index = entry / "index"
            # To read a pipe would wait for its writer.
            yield _Index(checkout, index.read_bytes() if index.is_file() else b"")
        except (OSError, ValueError):  # no text, or no path
            yield _Index(checkout, b"")
