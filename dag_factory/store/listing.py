"""What a folder of configs holds: its files by their keys, and the folders in which they lie."""

from __future__ import annotations

import errno
import logging
import os
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from dag_factory.document import SUFFIXES

log = logging.getLogger(__name__)

CLOSED = frozenset({errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})
"""What a file system says of a path that is no failure of its own, and stays so until somebody changes the path."""

Identity = tuple[int, int]
"""Device and inode of a folder."""


def keys_in(root: Path, listed: dict[Path, Identity], unlisted: dict[str, str]) -> Iterator[str]:
    """
    Yield the keys of all configs of a folder and of those below it, following links.

    A folder with several paths is listed once, at the one nearest to the root.

    :param listed: is given each folder that was listed, with its device and inode
    :param unlisted: is given each folder that can't be listed, with the reason
    :raises OSError: where the root can't be listed, or another one though it is there and open to us
    """
    seen: set[Identity] = set()
    folders = deque([PurePosixPath()])
    while folders:
        beneath = folders.popleft()
        try:
            status = (root / beneath).stat()
            names = sorted(path.name for path in (root / beneath).iterdir())
        except OSError as error:
            # One that fails is not one without configs: their DAGs would go, and a deletion would miss them.
            if beneath == PurePosixPath() or error.errno not in CLOSED:
                raise
            log.error("config_store: folder '%s' can't be listed: %s", beneath, error.strerror)
            unlisted[str(beneath)] = str(error.strerror)
            continue
        if (identity := identity_of(status)) in seen:
            log.warning("config_store: folder '%s' is listed under another path already", beneath)
            continue
        seen.add(identity)
        listed[root / beneath] = identity
        for name in names:
            key = beneath / name
            if name.startswith("."):
                continue
            if not _is_text(name):
                log.error(
                    "config_store: %r in folder '%s' is not a name in UTF-8, so it is ignored. Rename it", name, beneath
                )
            elif key.suffix.lower() in SUFFIXES:
                yield str(key)
            elif (root / key).is_dir():
                folders.append(key)
            elif not (root / key).exists():
                unlisted[str(key)] = "It is a broken link"


def identities(folders: Iterable[Path]) -> dict[Path, Identity]:
    """Return device and inode of folders, by the paths that lead to one."""
    found: dict[Path, Identity] = {}
    for folder in folders:
        with suppress(OSError):
            found[folder] = identity_of(folder.stat())
    return found


def identity_of(status: os.stat_result) -> Identity:
    """Return device and inode of a folder."""
    return (status.st_dev, status.st_ino)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
