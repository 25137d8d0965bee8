"""Lists a folder of configs: its files with their keys, and the folders that they lie in."""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath

from dag_factory.configs.document import SUFFIXES
from dag_factory.portable.plain_text import one_line
from dag_factory.store.folder.files import is_utf8
from dag_factory.store.folder.links import Links, RefusedLinkError

CLOSED = frozenset({errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})
"""Errors that are about a path, not failures of the file system; they last until somebody changes the path."""

# As many as the kernel returns at once.
_FIRST = 500

Identity = tuple[int, int]
"""Device and inode of a folder."""


Found = tuple[str, "os.DirEntry[str]"]
"""A config's key, and its file."""


def files_in(
    root: Path, listed: dict[Path, Identity], unlisted: dict[str, str], ignored: dict[str, str]
) -> Iterator[Found]:
    """
    Yield the files of all configs in a folder and its subfolders, following links within bounds, see `Links`.

    A folder with several paths is listed once: under its own, else under the link that is nearest to the root.

    :param listed: gets each folder that was listed, with its device and inode
    :param unlisted: gets each folder or link that can't be listed, with the reason
    :param ignored: gets each further path of a folder, and each name that is not UTF-8, with the message for it
    :raises OSError: where the root can't be listed, or the file system fails on a subfolder
    """
    listing = _Listing(root, listed, unlisted, ignored)
    yield from listing.own()
    # Links come last, so that each of the store's own folders is listed under its own path.
    yield from listing.linked()


def has_config_at_once(root: Path, folder: Identity) -> bool:
    """
    Return whether one of the first files of a folder is a config: then none has to be listed to know that there is one.

    :param folder: device and inode of the folder that is meant
    :raises OSError: where it can't be listed
    """
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if identity_of(os.fstat(descriptor)) != folder:
            return False
        with os.scandir(descriptor) as entries:
            first = islice(entries, _FIRST)
            names = (entry.name for entry in first if not entry.name.startswith("."))
            return any(_is_config(name) and is_utf8(name) for name in names)
    finally:
        with suppress(OSError):
            os.close(descriptor)


class _Listing:
    """One listing of a folder of configs."""

    def __init__(
        self, root: Path, listed: dict[Path, Identity], unlisted: dict[str, str], ignored: dict[str, str]
    ) -> None:
        self._root = root
        self._listed = listed
        self._unlisted = unlisted
        self._ignored = ignored
        self._links = Links(root)
        self._seen: set[Identity] = set()
        self._to_follow: list[PurePosixPath] = []

    def own(self) -> Iterator[Found]:
        """Yield the files of the folder and its subfolders, and note the links in them."""
        folders = deque([PurePosixPath()])
        while folders:
            folder = folders.popleft()
            try:
                entries = self._entries(folder)
            except OSError as error:
                # A folder that fails must not pass for an empty one: its DAGs would go, and a deletion would miss them.
                if folder == PurePosixPath() or error.errno not in CLOSED:
                    raise
                self._leave_out(folder, error)
                continue
            within = _within(folder)
            for name, entry in entries.items():
                if _is_config(name):
                    yield within + name, entry
                elif entry.is_symlink():
                    self._to_follow.append(folder / name)
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(folder / name)

    def linked(self) -> Iterator[Found]:
        """Yield the files of the folders behind the links; for each link all of them or none."""
        for link in self._to_follow:
            seen, listed, ignored = set(self._seen), dict(self._listed), dict(self._ignored)
            try:
                yield from self._behind(link)
            except OSError as error:
                self._seen = seen
                self._listed.clear()
                self._listed.update(listed)
                self._ignored.clear()
                self._ignored.update(ignored)
                self._leave_out(link, error)

    def _behind(self, first: PurePosixPath) -> list[Found]:
        """
        Return the files of the folders behind a link, none where it leads to a file.

        :raises OSError: where the folder can't be listed, or holds too much
        """
        behind = self._links.follow(first)
        files: list[Found] = []
        folders = deque([first] if self._links.leads_to_folder(first) else [])
        while folders:
            folder = folders.popleft()
            try:
                entries = self._entries(folder, partial(behind.bounded, folder))
                for name, entry in entries.items():
                    if _is_config(name):
                        files.append((_within(folder) + name, entry))
                        continue
                    path = folder / name
                    if entry.is_dir(follow_symlinks=False) or (entry.is_symlink() and self._leads_to_folder(path)):
                        folders.append(path)
            except RefusedLinkError:
                raise
            except OSError as error:
                # What lies behind a link is not part of the store, so an error there affects the link only.
                if folder == first:
                    raise
                self._leave_out(folder, error)
        return files

    def _leads_to_folder(self, link: PurePosixPath) -> bool:
        try:
            return self._links.leads_to_folder(link)
        except OSError as error:
            self._leave_out(link, error)
            return False

    def _entries(
        self, folder: PurePosixPath, bounded: Callable[[Iterable[os.DirEntry[str]]], list[os.DirEntry[str]]] = list
    ) -> dict[str, os.DirEntry[str]]:
        """
        Return a folder's entries by name, sorted, without hidden ones; none where it was listed before.

        :raises OSError: where it can't be listed
        """
        path = self._root / folder
        identity = identity_of(path.stat())
        if identity in self._seen:
            self._ignored[str(folder)] = f"folder '{one_line(str(folder))}' is listed under another path already"
            return {}
        with os.scandir(path) as entries:
            found = {entry.name: entry for entry in bounded(entries)}
        self._seen.add(identity)
        self._listed[path] = identity
        shown = {}
        for name in sorted(found):
            if name.startswith("."):
                continue
            if is_utf8(name):
                shown[name] = found[name]
            else:
                problem = "is not a name in UTF-8, so it is ignored. Rename it"
                self._ignored[_within(folder) + name] = f"{name!r} in folder '{one_line(str(folder))}' {problem}"
        return shown

    def _leave_out(self, folder: PurePosixPath, error: OSError) -> None:
        self._unlisted[str(folder)] = str(error.strerror)


def not_listed(folder: str, reason: str) -> str:
    """Return the message for a folder or a link that can't be listed."""
    return f"config_store: folder '{one_line(folder)}' can't be listed, so its configs stay as they were: {reason}"


def identities(folders: Iterable[Path]) -> dict[Path, Identity]:
    """Return device and inode of each path that leads to a folder."""
    found: dict[Path, Identity] = {}
    for folder in folders:
        with suppress(OSError):
            found[folder] = identity_of(folder.stat())
    return found


def identity_of(status: os.stat_result) -> Identity:
    """Return device and inode of a folder."""
    return (status.st_dev, status.st_ino)


def _within(folder: PurePosixPath) -> str:
    """Return how the keys of a folder's files begin."""
    return "" if folder == PurePosixPath() else f"{folder}/"


def _is_config(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in SUFFIXES  # noqa: PTH122 - of each file at each load
