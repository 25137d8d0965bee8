"""A store's notes that are JSON mappings: where configs are, and which problems loads have."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping

from dag_factory.store.load_problems import first_problem, with_problem
from dag_factory.store.own_files import LOAD, NOTES, is_key
from dag_factory.store.shards import WHOLE, Shard


class JsonNotes(ABC):
    """
    The part of a store that reads and replaces these notes; it works without them.

    The public methods are those of `ConfigStore`.
    """

    @abstractmethod
    def _mapping(self, name: str) -> Mapping[str, object]:
        """Return the mapping that a note holds, an empty one where it is missing or can't be read."""

    @abstractmethod
    def _keep(self, name: str, note: bytes) -> None:
        """Replace a note, if that is needed and possible. Never fails."""

    def load_problem(self) -> str | None:
        return first_problem(self._mapping(LOAD))

    def note_load_problem(self, problem: str | None, shard: Shard = WHOLE) -> None:
        noted = self._mapping(LOAD)
        if noted != (wanted := with_problem(noted, shard, problem)):
            self._keep(LOAD, json.dumps(wanted).encode())

    def recall(self, dag_id: str) -> str | None:
        key = self._mapping(NOTES).get(dag_id)
        return key if isinstance(key, str) and is_key(key) else None

    def note(self, keys: Mapping[str, str]) -> None:
        if keys != self._mapping(NOTES):
            self._keep(NOTES, json.dumps(dict(keys), sort_keys=True, indent=0).encode())
