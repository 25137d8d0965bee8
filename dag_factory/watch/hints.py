"""File events as the occasion to look at the store: the kernel's, or none where it can't report them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from dag_factory.store.folder.listing import Identity
from dag_factory.watch.mounts import remote_kind

log = logging.getLogger(__name__)


class Hints(Protocol):
    """A source of file events: that something has changed in a folder, and which files are not to be read yet."""

    def cover(self, folders: Mapping[Path, Identity]) -> bool:
        """
        Report changes in these folders from now on; return whether one of the folders is new.

        :raises OSError: where that is not possible
        """

    def works(self) -> bool:
        """Return whether file events can be expected."""

    def is_being_written(self, path: Path) -> bool:
        """Return whether a file may be incomplete."""

    def close(self) -> None:
        """End it."""


class NoHints:
    """No file events: folders must be looked through, and a file may be incomplete until it stays the same."""

    def cover(self, folders: Mapping[Path, Identity]) -> bool:
        """Do nothing."""
        del folders
        return False

    def works(self) -> bool:
        """Return False: no file events will come."""
        return False

    def is_being_written(self, path: Path) -> bool:
        """Return True: a file may be incomplete, and nothing says otherwise."""
        del path
        return True

    def close(self) -> None:
        """Do nothing."""


def open_hints(folders: Iterable[Path], hint: Callable[[], None]) -> Hints:
    """Return the kernel's file events where it sees all changes in these folders, else `NoHints`."""
    for folder in folders:
        if (kind := remote_kind(folder)) is not None:
            log.info("'%s' is on a file system of the type %s: it is polled", folder, kind)
            return NoHints()
    # Nobody else is to import watchdog: Airflow imports this package in every process.
    from dag_factory.watch.folder_events import FolderEvents

    try:
        return FolderEvents(hint)
    except OSError as error:
        return no_hints(error)


def no_hints(error: OSError) -> Hints:
    """Return nobody, and say why."""
    log.warning("The kernel can't report changes (%s): config_store is polled", error.strerror or error)
    return NoHints()
