"""What this machine remembers of a store: its id, and what the last complete load found."""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

log = logging.getLogger(__name__)

SCHEMA_VERSION = 2
# Versions to which the current one only adds.
_EARLIER_VERSIONS = (0, 1)
# For another process's transaction to end.
BUSY_SECONDS = 5.0
# How long a load may spend on keeping what is new: Airflow ends a load that takes too long, and then nothing is loaded.
KEEP_SECONDS = 5.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS store (one INTEGER PRIMARY KEY CHECK (one = 1), identity TEXT, is_empty INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS configs (
    dag_id TEXT PRIMARY KEY, revision TEXT NOT NULL, content TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS keys (key TEXT PRIMARY KEY) WITHOUT ROWID;
"""

Answer = TypeVar("Answer")

_warned: set[Path] = set()


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
    A SQLite file for one store, that several processes may use at once.

    The file can be deleted at any time: the next load writes it again. So nothing here raises: where the file can't be
    read or written, a line is logged, and all goes on without it. Only Airflow's user may read it.

    :param folder: the setting ``state_folder``
    :param location: of the store; each location has its own file
    """

    def __init__(self, folder: Path, location: str) -> None:
        digest = hashlib.sha256(location.encode("utf-8", "surrogateescape")).hexdigest()[:12]
        self.path = folder / f"store-{digest}.sqlite"

    def known(self) -> Known | None:
        """Return the store that was last seen, None where none is known."""
        return self._read(_known, None)

    def note(self, known: Known) -> None:
        """Remember which store was seen."""
        if self.known() != known:
            self._write(lambda connection: _note(connection, known))

    def keys(self) -> frozenset[str]:
        """Return the keys of the last load's configs, empty where they are unknown."""
        return self._read(lambda each: frozenset(key for (key,) in each.execute("SELECT key FROM keys")), frozenset())

    def note_keys(self, keys: Collection[str]) -> None:
        """Remember the keys of the configs that a load had."""
        kept = self.keys()
        gone, new = [(key,) for key in kept.difference(keys)], [(key,) for key in keys if key not in kept]

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM keys WHERE key = ?", gone)
            connection.executemany("INSERT OR REPLACE INTO keys VALUES (?)", new)

        if gone or new:
            self._write(write)

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
        kept: dict[str, str] = self._read(_revisions, {})
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

        self._write(write)
        return len(rows) + len(gone)

    def contents(self) -> dict[str, str]:
        """Return what is kept of each DAG id, sorted."""
        return self._read(lambda each: dict(each.execute("SELECT dag_id, content FROM configs ORDER BY dag_id")), {})

    def content(self, dag_id: str) -> str | None:
        """Return what is kept of a DAG id, if anything."""
        query = "SELECT content FROM configs WHERE dag_id = ?"
        row = self._read(lambda each: each.execute(query, (dag_id,)).fetchone(), None)
        return None if row is None else str(row[0])

    def forget(self) -> None:
        """
        Forget the store, so that the next one counts as new.

        :raises OSError: where the file can't be removed
        """
        for path in (self.path, self.path.with_name(f"{self.path.name}-journal")):
            path.unlink(missing_ok=True)

    def _read(self, question: Callable[[sqlite3.Connection], Answer], otherwise: Answer) -> Answer:
        def ask() -> Answer:
            # Reading creates no file.
            return self._once(question, "BEGIN") if os.access(self.path, os.F_OK) else otherwise

        return self._attempt(ask, otherwise)

    def _write(self, change: Callable[[sqlite3.Connection], None]) -> None:
        self._attempt(lambda: self._once(change, "BEGIN IMMEDIATE"), None)

    def _attempt(self, action: Callable[[], Answer], otherwise: Answer) -> Answer:
        try:
            try:
                return action()
            except sqlite3.OperationalError:
                raise  # locked, read-only or full: the file itself may be intact
            except sqlite3.DatabaseError as error:
                log.warning("'%s' is corrupt (%s). It is replaced by a new one", self.path, error)
                self.forget()
                return action()
        except (sqlite3.Error, OSError) as error:
            self._warn(error)
            return otherwise

    def _warn(self, error: Exception) -> None:
        """Log once for each process that nothing can be remembered."""
        if self.path in _warned:
            return
        _warned.add(self.path)
        log.warning(
            "'%s' can't be used (%s), so a config store that is not mounted may be taken for an empty one. Set "
            "[openmetadata_dag_factory] state_folder to a folder that Airflow's user can write to.",
            self.path,
            error,
        )

    def _once(self, question: Callable[[sqlite3.Connection], Answer], begin: str) -> Answer:
        """Return the answer of one transaction."""
        if not os.access(self.path, os.F_OK):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # SQLite would create it with the umask's mode; its journals get the mode of the file.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        with closing(connection):
            if _schema_version(connection) != SCHEMA_VERSION:
                _make_tables(connection)
            connection.execute(begin)
            answer = question(connection)
            connection.execute("COMMIT")
        return answer


def _schema_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _make_tables(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    # Another process may have been faster.
    if (found := _schema_version(connection)) != SCHEMA_VERSION:
        for name in ("store", "configs", "keys") if found not in _EARLIER_VERSIONS else ():
            connection.execute(f"DROP TABLE IF EXISTS {name}")
        for statement in filter(str.strip, _SCHEMA.split(";")):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _known(connection: sqlite3.Connection) -> Known | None:
    row = connection.execute("SELECT identity, is_empty FROM store").fetchone()
    return None if row is None else Known(row[0], bool(row[1]))


def _note(connection: sqlite3.Connection, known: Known) -> None:
    connection.execute("INSERT OR REPLACE INTO store VALUES (1, ?, ?)", (known.identity, known.is_empty))


def _revisions(connection: sqlite3.Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT dag_id, revision FROM configs"))
