"""All last good versions at one look, in a folder as in object storage."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import islice
from typing import Generic, Protocol, TypeVar

from dag_factory.store.copies import (
    InUse,
    Version,
    id_part_in,
    id_part_of,
    is_whole,
    key_part_in,
    key_part_of,
    name_in,
)
from dag_factory.store.shards import WHOLE, Shard


class Named(Protocol):
    """A copy that is known by its name alone."""

    @property
    def id_part(self) -> str:
        """The part of the name that says which DAG id it is for."""

    @property
    def key_part(self) -> str:
        """The part of the name that says which config it is of."""


Kept = TypeVar("Kept", bound=Named)


class AllCopies(ABC, Generic[Kept]):
    """All copies at one look. Those of a remote place may raise StoreError."""

    @abstractmethod
    def listed(self) -> Iterable[Kept]:
        """Return all copies by their names; is called once."""

    @abstractmethod
    def newest_first(self, copies: Iterable[Kept]) -> Iterator[Version]:
        """Yield the contents of copies, the newest first, without incomplete ones; opens each when it is due."""

    def expect(self, configs: Iterable[tuple[str, str | None]]) -> None:
        """
        Say which copies may be asked for, so that those of a remote place can be read several at a time.

        :param configs: the key and the DAG id of each config, None where it names none, in the order of asking
        """

    def of_key(self, key: str) -> Version | None:
        """Return the newest copy of the config that a key leads to, None where it is missing."""
        copies = self._by_key.get(key_part_of(key), ())
        return next((version for version in self.newest_first(copies) if version.key == key), None)

    def of_id(self, dag_id: str) -> Version | None:
        """Return the newest copy for a DAG id, None where it is missing."""
        copies = self._by_id.get(id_part_of(dag_id), ())
        return next((version for version in self.newest_first(copies) if version.dag_id == dag_id), None)

    def is_only(self, dag_id: str) -> bool:
        """Return whether no more than one copy is there for a DAG id, whole or not; no copy is opened."""
        return len(self._by_id.get(id_part_of(dag_id), ())) < 2

    def agrees(self, key: str, dag_id: str) -> bool:
        """Return whether this config and this DAG id have copies of each other only; no copy is opened."""
        id_part, key_part = id_part_of(dag_id), key_part_of(key)
        related = [*self._by_key.get(key_part, ()), *self._by_id.get(id_part, ())]
        return all(copy.id_part == id_part and copy.key_part == key_part for copy in related)

    def are_held(self, id_part: str, shard: Shard) -> bool:
        """Return whether a shard holds the DAG id of the copies with a part of a name, see `is_held`."""
        return is_held(id_part, self.newest_first(self._by_id[id_part]), shard)

    def all(self) -> Iterator[Version]:
        """Yield the newest copy for each DAG id; opens them all."""
        for copies in self._by_id.values():
            yield from list(self.newest_first(copies))[:1]

    def keys(self, known: Iterable[str]) -> set[str]:
        """
        Return the keys of the configs that have the newest copy for a DAG id.

        A copy's name has only a digest of the key, so a copy is opened unless its config is known.

        :param known: keys of configs that may have copies
        """
        by_part = {key_part_of(key): key for key in known}
        found: set[str] = set()
        for copies in self._by_id.values():
            key = by_part.get(copies[0].key_part) if len(copies) == 1 else None
            if key is None:
                found.update(version.key for version in islice(self.newest_first(copies), 1))
            else:
                found.add(key)
        return found

    @cached_property
    def _copies(self) -> list[Kept]:
        return list(self.listed())

    @cached_property
    def _by_key(self) -> dict[str, list[Kept]]:
        return _grouped(self._copies, lambda copy: copy.key_part)

    @cached_property
    def _by_id(self) -> dict[str, list[Kept]]:
        return _grouped(self._copies, lambda copy: copy.id_part)


def is_held(id_part: str, versions: Iterator[Version], shard: Shard) -> bool:
    """
    Return whether a shard holds the DAG id of copies, which is not all in their names where it is long.

    :param versions: the contents of the copies, opened only where that is needed
    """
    if shard == WHOLE or is_whole(id_part):
        return shard.holds(id_part)
    return any(shard.holds(version.dag_id) for version in versions)


def removable(
    present: Mapping[str, Collection[str]],
    good: Iterable[Version],
    in_use: InUse,
    is_held: Callable[[str], bool],
) -> Iterator[tuple[str, str]]:
    """
    Yield the copies of a shard that no config has any more, each by the part for its DAG id and its name.

    :param present: the names of all copies, by the part for the DAG id
    :param good: what a complete load has found good; its copies stay, until those that replace them are there
    :param is_held: whether the shard holds the DAG id of the copies with a part; may open them
    """
    stay = {id_part_of(version.dag_id) for version in good} | {id_part_of(dag_id) for dag_id in in_use.dag_ids}
    keys = {key_part_of(key) for key in in_use.keys}
    current = {id_part_in(name): name_in(name) for name in in_use.names}
    for part in present.keys() - stay:
        if part in current:
            others = [name for name in present[part] if name_in(name) != current[part]]
            if len(others) < len(present[part]):
                yield from ((part, name) for name in others)
        elif is_held(part):
            yield from ((part, name) for name in present[part] if key_part_in(name) not in keys)


def _grouped(copies: Iterable[Kept], part: Callable[[Kept], str]) -> dict[str, list[Kept]]:
    groups: dict[str, list[Kept]] = {}
    for copy in copies:
        groups.setdefault(part(copy), []).append(copy)
    return groups
