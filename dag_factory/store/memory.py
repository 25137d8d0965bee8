"""Which store has this machine seen? Without that, an empty mount point would pass for a store without configs."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from dag_factory.store.database import Database


@dataclass(frozen=True)
class Known:
    """
    A store that this machine has seen.

    :param identity: its id, None where it had none: a read-only one, such as a ConfigMap
    :param is_empty: whether it held no config
    """

    identity: str | None
    is_empty: bool


@dataclass(frozen=True)
class Place:
    """
    The store that a location leads to.

    :param identity: its id, None where it has none
    :param folder: device and inode of its folder, which change where a link is swapped; both are 0 in object storage
    """

    identity: str | None
    folder: tuple[int, int]


class Memory:
    """
    What this machine remembers of a store: which one it was, and in its `database` what was in it.

    Nothing here raises, see `Database`.

    :param folder: the setting ``state_folder``
    :param location: of the store
    """

    def __init__(self, folder: Path, location: str) -> None:
        self.database = Database(folder, location)

    @property
    def path(self) -> Path:
        """The file."""
        return self.database.path

    def known(self) -> Known | None:
        """Return the store that was last seen, None where none is known."""
        return self.database.read(_known, None)

    def note(self, known: Known, *, instead_of: Known | None) -> None:
        """
        Remember which store was seen, unless another process has noted one meanwhile.

        :param instead_of: what was known before the store was looked at
        """
        if known != instead_of:
            self.database.write(lambda connection: _note(connection, known, instead_of))

    def forget(self) -> None:
        """
        Forget the store, so that the next one counts as new.

        :raises OSError: where the file can't be removed
        """
        self.database.remove()


def is_known(known: Known, place: Place) -> bool:
    """Return whether a place is certain to be the known store, or that store was empty, so that nothing can be lost."""
    if known.is_empty:
        return True
    # A store without an id may have got one since.
    return place.identity is not None and known.identity in (None, place.identity)


def _known(connection: sqlite3.Connection) -> Known | None:
    row = connection.execute("SELECT identity, is_empty FROM store").fetchone()
    return None if row is None else Known(row[0], bool(row[1]))


def _note(connection: sqlite3.Connection, known: Known, instead_of: Known | None) -> None:
    if _known(connection) == instead_of:
        connection.execute("INSERT OR REPLACE INTO store VALUES (1, ?, ?)", (known.identity, known.is_empty))
