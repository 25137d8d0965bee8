"""Parts: the shards of a store, divided among several DAG bundles, for one DAG processor or several."""

from __future__ import annotations

from dataclasses import dataclass

from dag_factory.errors import SettingsError
from dag_factory.store.shards import MAX_SHARDS, Shard


@dataclass(frozen=True, order=True)
class Part:
    """
    The shards whose loader files one bundle makes.

    :param number: from 0 on
    :param of: how many parts there are; 1 if one bundle makes them all
    :param shards: how many shards there are in all parts together
    :raises SettingsError: where no such part can be
    """

    number: int
    of: int
    shards: int

    def __post_init__(self) -> None:
        for name, value in (("part", self.number), ("parts", self.of), ("shards", self.shards)):
            if not isinstance(value, int) or isinstance(value, bool):
                raise SettingsError(f"{name} is not a number. Write it without quotes")
        if not 0 < self.shards <= MAX_SHARDS:
            raise SettingsError(f"shards is {self.shards}. Set it to a number of 1 to {MAX_SHARDS}")
        if not 0 < self.of <= self.shards:
            raise SettingsError(
                f"parts is {self.of}, of {self.shards} shards. Set it to 1 to {self.shards}, or raise shards"
            )
        if not 0 <= self.number < self.of:
            raise SettingsError(
                f"part is {self.number}, of {self.of} parts. The first part is 0, so set it to a number of 0 to "
                f"{self.of - 1}"
            )

    def holds(self, shard: Shard) -> bool:
        """Return whether a shard is one of this part."""
        return shard.of == self.shards and shard.number % self.of == self.number

    def all(self) -> list[Shard]:
        """Return the shards of this part."""
        return [Shard(number, self.shards) for number in range(self.number, self.shards, self.of)]
