"""The SQLite file in which this machine keeps what it knows of a store. It can be deleted at any time."""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

log = logging.getLogger(__name__)

SCHEMA_VERSION = 4
# For another process's transaction to end.
BUSY_SECONDS = 5.0
# After a wait in vain, this process does not wait for the file again for so long. A load asks a dozen times: if it
# waited each time, Airflow would end it, and no DAG would be left.
NO_WAIT_SECONDS = 60.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS store (one INTEGER PRIMARY KEY CHECK (one = 1), identity TEXT, is_empty INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS claims (key TEXT PRIMARY KEY, stamp TEXT NOT NULL, named_id TEXT) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS named_ids ON claims (named_id);
CREATE TABLE IF NOT EXISTS dags (
    dag_id TEXT PRIMARY KEY, key TEXT NOT NULL, stamp TEXT, judged_with TEXT, copy TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS loads (number INTEGER NOT NULL, of INTEGER NOT NULL, PRIMARY KEY (number, of)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS plans (dag_id TEXT PRIMARY KEY, plan TEXT NOT NULL);
"""
_TABLES = ("store", "configs", "keys", "claims", "dags", "plans", "loads")

Answer = TypeVar("Answer")

_warned: set[Path] = set()
# Since when files are not waited for, in seconds of the monotonic clock.
_locked: dict[Path, float] = {}


class Database:
    """
    A SQLite file for one store, that several processes may use at once.

    The next load writes it again where it is deleted. So nothing here raises: where the file can't be read or written,
    a line is logged, and all goes on without it. Only Airflow's user may read it.

    :param folder: the setting ``state_folder``
    :param location: of the store; each location has its own file
    """

    def __init__(self, folder: Path, location: str) -> None:
        digest = hashlib.sha256(location.encode("utf-8", "surrogateescape")).hexdigest()[:12]
        self.path = folder / f"store-{digest}.sqlite"

    def read(self, question: Callable[[sqlite3.Connection], Answer], otherwise: Answer) -> Answer:
        """Return the answer of one transaction that only reads, and ``otherwise`` where there is none."""

        def ask() -> Answer:
            # Reading creates no file.
            return self._once(question, "BEGIN") if os.access(self.path, os.F_OK) else otherwise

        return self._attempt(ask, otherwise)

    def write(self, change: Callable[[sqlite3.Connection], None]) -> None:
        """Make a change in one transaction."""
        self._attempt(lambda: self._once(change, "BEGIN IMMEDIATE"), None)

    def remove(self) -> None:
        """
        Remove the file.

        :raises OSError: where it can't be removed
        """
        for path in (self.path, self.path.with_name(f"{self.path.name}-journal")):
            path.unlink(missing_ok=True)

    def _attempt(self, action: Callable[[], Answer], otherwise: Answer) -> Answer:
        try:
            try:
                return action()
            except sqlite3.OperationalError:
                raise  # locked, read-only or full: the file itself may be intact
            except sqlite3.DatabaseError as error:
                log.warning("'%s' is corrupt (%s). It is replaced by a new one", self.path, error)
                self.remove()
                return action()
        except (sqlite3.Error, OSError) as error:
            if "locked" in str(error):
                _locked.setdefault(self.path, time.monotonic())
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

    @property
    def _busy_seconds(self) -> float:
        """How long to wait for another process's transaction to end."""
        since = _locked.get(self.path)
        if since is not None and time.monotonic() - since < NO_WAIT_SECONDS:
            return 0.0
        _locked.pop(self.path, None)
        return BUSY_SECONDS

    def _once(self, question: Callable[[sqlite3.Connection], Answer], begin: str) -> Answer:
        """Return the answer of one transaction."""
        if not os.access(self.path, os.F_OK):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # SQLite would create it with the umask's mode; its journals get the mode of the file.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(self.path, timeout=self._busy_seconds, isolation_level=None)
        with closing(connection):
            if _schema_version(connection) != SCHEMA_VERSION:
                _make_tables(connection)
            connection.execute(begin)
            answer = question(connection)
            connection.execute("COMMIT")
        return answer


class NoDatabase:
    """Holds nothing, where this machine must not remember anything."""

    def read(self, question: Callable[[sqlite3.Connection], Answer], otherwise: Answer) -> Answer:
        del question
        return otherwise

    def write(self, change: Callable[[sqlite3.Connection], None]) -> None:
        del change


def _schema_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _make_tables(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    # Another process may have been faster.
    if _schema_version(connection) != SCHEMA_VERSION:
        known = _known_store(connection)
        for name in _TABLES:
            connection.execute(f"DROP TABLE IF EXISTS {name}")
        for statement in filter(str.strip, _SCHEMA.split(";")):
            connection.execute(statement)
        if known is not None:
            connection.execute("INSERT INTO store VALUES (1, ?, ?)", known)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _known_store(connection: sqlite3.Connection) -> tuple[str | None, int] | None:
    """
    Return which store this machine knows by a file of another version, earlier or later; None where that can't be read.

    All else in the file is found out again. Without this, a store that is not mounted would pass for a new one.
    """
    try:
        row = connection.execute("SELECT identity, is_empty FROM store").fetchone()
    except sqlite3.OperationalError:
        return None
    if row is None or not isinstance(row[0], (str, type(None))) or row[1] not in (0, 1):
        return None
    return row[0], int(row[1])
