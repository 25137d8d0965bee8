"""Links to folders: which of them a listing of the store follows, and how far."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TypeVar

Entry = TypeVar("Entry")

MOST_ENTRIES = 25_000
"""How many files and folders may lie behind one link. One loader can take far fewer configs."""
MOST_OF_ALL = 200_000
"""How many may lie behind all links of a store together. So many are listed in less than a second."""
MOST_DEPTH = 32


class RefusedLinkError(OSError):
    """A link is not followed."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.ELOOP, reason)


class Links:
    """
    The links in one listing of a store. They are followed, since git-sync and ConfigMaps consist of links, but within
    bounds: an author may have linked a whole file system.

    :param root: the store's folder
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._real_root = os.path.realpath(root)
        self._left_of_all = MOST_OF_ALL

    def leads_to_folder(self, link: PurePosixPath) -> bool:
        """
        Return whether a link leads to a folder that may be listed, False where it leads to a file.

        :raises OSError: where it is broken, or leads to a folder that holds the store itself
        """
        path = self._root / link
        try:
            is_folder = stat.S_ISDIR(path.stat().st_mode)
        except FileNotFoundError:
            raise RefusedLinkError("It is a broken link") from None
        if is_folder and self._real_root.startswith(os.path.join(os.path.realpath(path), "")):  # noqa: PTH118
            raise RefusedLinkError("It is a link to a folder above the store itself. Link the folder of configs alone")
        return is_folder

    def follow(self, link: PurePosixPath) -> Behind:
        """Return the bounds of what may be listed behind a link."""
        return Behind(link, self)

    def take(self, count: int) -> None:
        """Count entries that were listed behind a link."""
        self._left_of_all -= count

    @property
    def left(self) -> int:
        """How many more entries may be listed."""
        return self._left_of_all


class Behind:
    """The bounds of what may be listed behind one link."""

    def __init__(self, link: PurePosixPath, links: Links) -> None:
        self._depth = len(link.parts) + MOST_DEPTH
        self._links = links
        self._left = MOST_ENTRIES

    def bounded(self, folder: PurePosixPath, entries: Iterable[Entry]) -> list[Entry]:
        """
        Return the entries of a folder behind the link.

        :raises RefusedLinkError: where they are too many, or lie too deep
        """
        if len(folder.parts) > self._depth:
            raise RefusedLinkError(f"More than {MOST_DEPTH} levels of folders lie behind it. Link a smaller folder")
        most = min(self._left, self._links.left)
        found = list(islice(entries, most + 1))
        self._left -= len(found)
        self._links.take(len(found))
        if len(found) <= most:
            return found
        if self._left < 0:
            raise RefusedLinkError(f"More than {MOST_ENTRIES} files and folders lie behind it. Link a smaller folder")
        raise RefusedLinkError(
            f"More than {MOST_OF_ALL} files and folders lie behind the links of the store. Link smaller folders"
        )
