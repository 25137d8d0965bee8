"""The index: what is in each file of a store, and what became of it, as far as this machine has found it out before."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from dag_factory.store.database import Database, NoDatabase
from dag_factory.store.shards import Shard

_LOADS = "SELECT 1 FROM loads WHERE number = ? AND of = ?"
# Not one of the tables that `Database` makes: a file of version 0.1.0 does not have it, and is kept.
_MARKERS = """
CREATE TABLE IF NOT EXISTS markers (
    number INTEGER NOT NULL, of INTEGER NOT NULL, marker TEXT, PRIMARY KEY (number, of)
) WITHOUT ROWID
"""


class Named(NamedTuple):
    """
    What a config's file was found to name.

    :param stamp: of the file and of its defaults, when they were read
    :param dag_id: None where it names none
    """

    stamp: str
    dag_id: str | None


class Outcome(NamedTuple):
    """
    What a load has made of a config.

    :param stamp: of the config's file and its defaults, when they were read; None where the next load has to read them
    :param judged_with: identifies the settings and versions that the judgement depends on; None where the config can't
        run as it is; empty where that is so and a later load has put off judging it again
    :param copy: the name of its last good version, None where there is none
    """

    key: str
    stamp: str | None = None
    judged_with: str | None = None
    copy: str | None = None


class LastLoad(NamedTuple):
    """
    What a load of a shard can be compared with.

    :param outcomes: what the last loads of all shards on this machine have made of the configs, by DAG id
    :param is_known: whether a load of the shard is remembered
    :param marker: the store's marker that it has seen, None where there was none, or the load is not known
    """

    outcomes: Mapping[str, Outcome]
    is_known: bool = False
    marker: str | None = None


class Index:
    """
    What this machine has found in a store. It holds no secret, nor a digest of one.

    All is kept by stamp, so it is never outdated: what has another stamp now is read again. Each process adds what it
    has read, and several may do so at once. Nothing here raises; without the file all is read again, see `Database`.

    :param database: the file
    """

    def __init__(self, database: Database | NoDatabase) -> None:
        self._database = database

    def named(self) -> dict[str, Named]:
        """Return what the configs are known to name, by key."""

        def ask(connection: sqlite3.Connection) -> dict[str, Named]:
            rows = connection.execute("SELECT key, stamp, named_id FROM claims")
            return {key: Named(stamp, named_id) for key, stamp, named_id in rows}

        return self._database.read(ask, {})

    def note_named(self, found: Mapping[str, Named], gone: Collection[str] = ()) -> None:
        """
        Remember what configs name.

        :param found: by key
        :param gone: the keys of configs that were removed
        """
        if not found and not gone:
            return
        rows = [(key, named.stamp, named.dag_id) for key, named in found.items()]

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM claims WHERE key = ?", [(key,) for key in gone])
            connection.executemany("INSERT OR REPLACE INTO claims VALUES (?, ?, ?)", rows)

        self._database.write(write)

    def keys_of(self, dag_id: str) -> list[str]:
        """Return the keys of the configs that are known to give a DAG id, the one that had it last first."""

        def ask(connection: sqlite3.Connection) -> list[str]:
            had = connection.execute("SELECT key FROM dags WHERE dag_id = ?", (dag_id,)).fetchall()
            name = connection.execute("SELECT key FROM claims WHERE named_id = ? ORDER BY key", (dag_id,)).fetchall()
            return [key for (key,) in had + name]

        none: list[str] = []
        return list(dict.fromkeys(self._database.read(ask, none)))

    def good(self) -> dict[str, tuple[str, str]]:
        """Return key and stamp of each config that can run as it is, by DAG id."""
        query = "SELECT dag_id, key, stamp FROM dags WHERE stamp IS NOT NULL AND judged_with IS NOT NULL"

        def ask(connection: sqlite3.Connection) -> dict[str, tuple[str, str]]:
            return {dag_id: (key, stamp) for dag_id, key, stamp in connection.execute(query)}

        return self._database.read(ask, {})

    def outcomes(self) -> dict[str, Outcome]:
        """Return what the last loads have made of all configs, by DAG id."""
        return self._database.read(_outcomes, {})

    def outcome(self, dag_id: str) -> Outcome | None:
        """Return what the last load has made of the config that had a DAG id, None where that is unknown."""

        def ask(connection: sqlite3.Connection) -> Outcome | None:
            query = "SELECT key, stamp, judged_with, copy FROM dags WHERE dag_id = ?"
            row = connection.execute(query, (dag_id,)).fetchone()
            return None if row is None else Outcome(*row)

        return self._database.read(ask, None)

    def last_load(self, shard: Shard) -> LastLoad:
        """Return what a load of a shard can be compared with, all of one moment."""

        def ask(connection: sqlite3.Connection) -> LastLoad:
            is_known = connection.execute(_LOADS, (shard.number, shard.of)).fetchone() is not None
            return LastLoad(_outcomes(connection), is_known, _marker(connection, shard) if is_known else None)

        return self._database.read(ask, LastLoad({}))

    def plans(self, dag_ids: Iterable[str]) -> dict[str, str]:
        """Return from what the DAGs of some DAG ids were built, as far as that is known, in the same order."""

        def ask(connection: sqlite3.Connection) -> dict[str, str]:
            query = "SELECT dag_id, plan FROM plans WHERE dag_id = ?"
            rows = (connection.execute(query, (dag_id,)).fetchone() for dag_id in dag_ids)
            return dict(row for row in rows if row is not None)

        return self._database.read(ask, {})

    def keep(
        self,
        shard: Shard,
        found: Mapping[str, Outcome],
        plans: Mapping[str, str],
        gone: Iterable[str] = (),
        marker: str | None = None,
    ) -> None:
        """
        Remember what a load of a shard has made of configs.

        :param found: by DAG id
        :param plans: all that their DAGs are built from, by DAG id. They must hold no secret
        :param gone: the DAG ids of configs that were removed
        :param marker: the store's marker that the load has seen
        """
        rows = [(dag_id, *outcome) for dag_id, outcome in found.items()]
        removed = [(dag_id,) for dag_id in gone]
        load = (shard.number, shard.of)

        def is_kept(connection: sqlite3.Connection) -> bool:
            return connection.execute(_LOADS, load).fetchone() is not None and _marker(connection, shard) == marker

        if not rows and not removed and self._database.read(is_kept, False):
            return

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(_MARKERS)
            connection.execute("INSERT OR REPLACE INTO markers VALUES (?, ?, ?)", (*load, marker))
            connection.execute("INSERT OR IGNORE INTO loads VALUES (?, ?)", load)
            connection.executemany("DELETE FROM dags WHERE dag_id = ?", removed)
            connection.executemany("DELETE FROM plans WHERE dag_id = ?", removed)
            connection.executemany("INSERT OR REPLACE INTO dags VALUES (?, ?, ?, ?, ?)", rows)
            connection.executemany("INSERT OR REPLACE INTO plans VALUES (?, ?)", plans.items())

        self._database.write(write)


def _outcomes(connection: sqlite3.Connection) -> dict[str, Outcome]:
    rows = connection.execute("SELECT dag_id, key, stamp, judged_with, copy FROM dags")
    return {dag_id: Outcome(*rest) for dag_id, *rest in rows}


def _marker(connection: sqlite3.Connection, shard: Shard) -> str | None:
    query = "SELECT marker FROM markers WHERE number = ? AND of = ?"
    try:
        row = connection.execute(query, (shard.number, shard.of)).fetchone()
    except sqlite3.OperationalError:
        return None  # the table is missing
    return row[0] if row is not None else None
