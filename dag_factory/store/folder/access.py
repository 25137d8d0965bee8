"""Who may read a file, so that nobody else may read a copy of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_OWNER = 0o600


@dataclass(frozen=True)
class Access:
    """
    Who may read a copy: its owner always; the group and all others if they may read what it was made from.

    :param mode: permission bits
    :param group: id of the group of these bits, None where it may not read
    """

    mode: int = _OWNER
    group: int | None = None

    def apply(self, descriptor: int) -> None:
        """Set these permissions on a new file, which only its owner may read so far."""
        mode = self.mode
        if self.group is not None and os.fstat(descriptor).st_gid != self.group:
            try:
                os.fchown(descriptor, -1, self.group)
            except OSError:
                mode &= ~stat.S_IRGRP  # another group could read it
        if mode != _OWNER:
            os.fchmod(descriptor, mode)


OWNER_ONLY = Access()

_READABLE = _OWNER | stat.S_IRGRP | stat.S_IROTH
_MOST_GROUPS = 2**32 - 1  # as many as the kernel takes


def access_in(held: Sequence[object]) -> Access:
    """
    Return who may read a copy, as the copy says of itself.

    :param held: mode and group; what later versions may add is ignored
    :raises ValueError: where that is not what `AccessRights` returns, such as a mode by which others may write
    """
    mode, group = held[:2]
    if type(mode) is not int or mode & _OWNER != _OWNER or mode & ~_READABLE:
        raise ValueError("not the mode of a copy")
    if group is not None and (type(group) is not int or not 0 <= group < _MOST_GROUPS):
        raise ValueError("not a group")
    return Access(mode, group)


@dataclass(frozen=True)
class _Rights:
    """Who may read a file, or look into a folder."""

    group: int
    by_group: bool
    by_others: bool

    def by(self, group: int) -> bool:
        """Return whether all members of a group may."""
        return self.by_group if group == self.group else self.by_others


_NOBODY = _Rights(-1, by_group=False, by_others=False)


class AccessRights:
    """
    The permissions of a folder's files. Folders, and files that many others are made with, are looked at once.

    :param root: the folder that keys are relative to
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folders: dict[str, list[_Rights]] = {}
        self._made_with: dict[tuple[str, ...], list[_Rights]] = {}

    def of(self, key: str, made_with: tuple[str, ...] = ()) -> Access:
        """
        Return who may read a file: by its own permissions and those of all folders above it.

        :param made_with: keys of further files that must be readable, those that do not exist apart
        """
        own = self._of_file(f"{self._root}/{key}")
        rights, group = [*own, *self._of_files(made_with)], own[0].group
        by_others = all(each.by_others for each in rights)
        by_group = all(each.by(group) for each in rights)
        mode = _OWNER | (stat.S_IRGRP if by_group else 0) | (stat.S_IROTH if by_others else 0)
        return Access(mode, group if by_group else None)

    def _of_files(self, keys: tuple[str, ...]) -> list[_Rights]:
        if keys not in self._made_with:
            paths = [f"{self._root}/{key}" for key in keys]
            self._made_with[keys] = [each for path in paths if os.path.lexists(path) for each in self._of_file(path)]
        return self._made_with[keys]

    def _of_file(self, path: str) -> list[_Rights]:
        # Paths are texts here: for very many files, making a Path takes longer than asking for the permissions.
        with suppress(OSError):
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                path = os.path.realpath(path)
                status = os.lstat(path)
            rights = _Rights(status.st_gid, bool(status.st_mode & stat.S_IRGRP), bool(status.st_mode & stat.S_IROTH))
            return [rights, *self._of_folder(path.rpartition("/")[0])]
        return [_NOBODY]

    def _of_folder(self, folder: str) -> list[_Rights]:
        """Return the permissions of a folder and of all above it, without those that let everybody in."""
        if folder not in self._folders:
            self._folders[folder] = self._read_of_folder(folder)
        return self._folders[folder]

    def _read_of_folder(self, folder: str) -> list[_Rights]:
        real = Path(os.path.realpath(folder or "/"))
        above = self._of_folder(str(real.parent)) if real != real.parent else []
        status = real.stat()
        rights = _Rights(status.st_gid, bool(status.st_mode & stat.S_IXGRP), bool(status.st_mode & stat.S_IXOTH))
        is_open = rights.by_group and rights.by_others
        return above if is_open else [rights, *above]
