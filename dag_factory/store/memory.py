"""Which store has this machine seen? Without that, an empty mount point would pass for a store without configs."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from dag_factory.store.database import Database

log = logging.getLogger(__name__)

# How long a load may spend on keeping what is new: Airflow ends a load that takes too long, and then nothing is loaded.
KEEP_SECONDS = 5.0


@dataclass(frozen=True)
class Known:
    """
    A store that this machine has seen.

    :param identity: its id, None where it had none: a read-only one, such as a ConfigMap
    :param is_empty: whether it held no config
    """

    identity: str | None
    is_empty: bool


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

    def note(self, known: Known) -> None:
        """Remember which store was seen."""
        if self.known() != known:
            self.database.write(lambda connection: _note(connection, known))

    def keys(self) -> frozenset[str]:
        """Return the keys of the last load's configs, empty where they are unknown."""
        return self.database.read(
            lambda each: frozenset(key for (key,) in each.execute("SELECT key FROM keys")), frozenset()
        )

    def note_keys(self, keys: Collection[str]) -> None:
        """Remember the keys of the configs that a load had."""
        kept = self.keys()
        gone, new = [(key,) for key in kept.difference(keys)], [(key,) for key in keys if key not in kept]

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM keys WHERE key = ?", gone)
            connection.executemany("INSERT OR REPLACE INTO keys VALUES (?)", new)

        if gone or new:
            self.database.write(write)

    def keep(
        self,
        known: Known,
        revisions: Mapping[str, str],
        content: Callable[[str], str],
        *,
        seconds: float = KEEP_SECONDS,
    ) -> int:
        """
        Remember what a load has found, in one transaction; return how many rows were written or removed.

        :param revisions: the revision of each config, by DAG id
        :param content: returns what to keep for a DAG id; called only for those that have changed
        :param seconds: after which the rest is left to the next load
        """
        kept: dict[str, str] = self.database.read(_revisions, {})
        changed = [dag_id for dag_id, revision in revisions.items() if kept.get(dag_id) != revision]
        gone = [dag_id for dag_id in kept if dag_id not in revisions]
        if not changed and not gone:
            self.note(known)
            return 0
        rows = []
        deadline = time.monotonic() + seconds
        for dag_id in changed:
            rows.append((dag_id, revisions[dag_id], content(dag_id)))
            if time.monotonic() > deadline:
                log.info(
                    "%d of %d changed configs are remembered now, the others at the next load", len(rows), len(changed)
                )
                break

        def write(connection: sqlite3.Connection) -> None:
            _note(connection, known)
            connection.executemany("DELETE FROM configs WHERE dag_id = ?", [(dag_id,) for dag_id in gone])
            connection.executemany("INSERT OR REPLACE INTO configs VALUES (?, ?, ?)", rows)

        self.database.write(write)
        return len(rows) + len(gone)

    def contents(self) -> dict[str, str]:
        """Return what is kept of each DAG id, sorted."""
        return self.database.read(
            lambda each: dict(each.execute("SELECT dag_id, content FROM configs ORDER BY dag_id")), {}
        )

    def content(self, dag_id: str) -> str | None:
        """Return what is kept of a DAG id, if anything."""
        query = "SELECT content FROM configs WHERE dag_id = ?"
        row = self.database.read(lambda each: each.execute(query, (dag_id,)).fetchone(), None)
        return None if row is None else str(row[0])

    def forget(self) -> None:
        """
        Forget the store, so that the next one counts as new.

        :raises OSError: where the file can't be removed
        """
        self.database.remove()


def _known(connection: sqlite3.Connection) -> Known | None:
    row = connection.execute("SELECT identity, is_empty FROM store").fetchone()
    return None if row is None else Known(row[0], bool(row[1]))


def _note(connection: sqlite3.Connection, known: Known) -> None:
    connection.execute("INSERT OR REPLACE INTO store VALUES (1, ?, ?)", (known.identity, known.is_empty))


def _revisions(connection: sqlite3.Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT dag_id, revision FROM configs"))
