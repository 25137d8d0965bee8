"""A store's notes that are JSON mappings: where configs are, and which problems loads have."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress

from dag_factory.store.load_problems import first_problem, with_problem
from dag_factory.store.own_files import LOAD, NOTES, is_key
from dag_factory.store.shards import WHOLE, Shard

# Anybody who can write to the store can write a note, and each of its bytes may take twenty in memory.
_LOAD_BYTES = 4 * 1024 * 1024
# Enough for 100,000 configs, each with a DAG id and a key that take 300 bytes.
_NOTES_BYTES = 32 * 1024 * 1024


class JsonNotes(ABC):
    """
    The part of a store that reads and replaces these notes; it works without them.

    The public methods are those of `ConfigStore`.
    """

    @abstractmethod
    def _note(self, name: str, most: int) -> bytes | None:
        """Return the first bytes of a note, None where it is missing or can't be read."""

    @abstractmethod
    def _keep(self, name: str, note: bytes) -> None:
        """Replace a note, if that is needed and possible. Never fails."""

    def load_problem(self) -> str | None:
        return first_problem(_mapping_in(self._note(LOAD, _LOAD_BYTES)))

    def note_load_problem(self, problem: str | None, shard: Shard = WHOLE) -> None:
        present = self._note(LOAD, _LOAD_BYTES)
        wanted = with_problem(_mapping_in(present), shard, problem)
        self._replace(LOAD, present, wanted, json.dumps(wanted))

    def recall(self, dag_id: str) -> str | None:
        key = _mapping_in(self._note(NOTES, _NOTES_BYTES)).get(dag_id)
        return key if isinstance(key, str) and is_key(key) else None

    def note(self, keys: Mapping[str, str]) -> None:
        text = json.dumps(dict(keys), sort_keys=True, indent=0)
        # The notes are only compared, so the present one is not parsed. One byte more shows whether it is longer.
        self._replace(NOTES, self._note(NOTES, len(text) + 1), keys, text)

    def _replace(self, name: str, present: bytes | None, wanted: Mapping[str, str], text: str) -> None:
        """Replace a note by the text of a mapping. A store in which nothing has to be noted gets no note."""
        note = text.encode()
        if present != note and (wanted or present is not None):
            self._keep(name, note)


def _mapping_in(note: bytes | None) -> dict[str, object]:
    """Return the mapping that a note holds, an empty one where it is missing, longer than it may be, or broken."""
    with suppress(ValueError, RecursionError):
        found = json.loads(note or b"{}")
        return found if isinstance(found, dict) else {}
    return {}
