"""A store's notes that are JSON mappings: where configs are, and which problems loads have."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from dag_factory.store.load_problems import first_problem, with_problem
from dag_factory.store.own_files import LOAD, NOTES, is_key
from dag_factory.store.shards import WHOLE, Shard


class JsonNotes:
    """
    Reads and replaces these notes in a store of any kind, which works without them.

    The methods are those of `ConfigStore`.

    :param read: returns the mapping that a note holds, by its name; an empty one where it is missing or can't be read
    :param keep: replaces a note, if possible; never fails
    """

    def __init__(self, read: Callable[[str], Mapping[str, object]], keep: Callable[[str, bytes], None]) -> None:
        self._read = read
        self._keep = keep

    def load_problem(self) -> str | None:
        return first_problem(self._read(LOAD))

    def note_load_problem(self, problem: str | None, shard: Shard = WHOLE) -> None:
        noted = self._read(LOAD)
        if noted != (wanted := with_problem(noted, shard, problem)):
            self._keep(LOAD, json.dumps(wanted).encode())

    def recall(self, dag_id: str) -> str | None:
        key = self._read(NOTES).get(dag_id)
        return key if isinstance(key, str) and is_key(key) else None

    def note(self, keys: Mapping[str, str]) -> None:
        if keys != self._read(NOTES):
            self._keep(NOTES, json.dumps(dict(keys), sort_keys=True, indent=0).encode())
