"""Shards: a store's DAG ids, divided among several loader files, so that a change makes Airflow parse one of them."""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection
from dataclasses import dataclass

from dag_factory.errors import SettingsError

MAX_SHARDS = 4096

_STEM = "openmetadata_loader"
# No number is longer than that of the most shards: Python refuses to read one of thousands of digits.
_NAME = re.compile(rf"{_STEM}_(?P<number>[0-9]{{1,4}})_of_(?P<of>[0-9]{{1,4}})\.py")


@dataclass(frozen=True, order=True)
class Shard:
    """
    The DAG ids that one loader file builds.

    :param number: from 0 on
    :param of: how many shards there are; 1 if they are not divided
    :raises SettingsError: where no such shard can be
    """

    number: int
    of: int

    def __post_init__(self) -> None:
        for name, value in (("shard", self.number), ("of", self.of)):
            # 1.5 would hold no DAG id at all.
            if not isinstance(value, int) or isinstance(value, bool):
                raise SettingsError(f"{name} is not a whole number. Write it without quotes and decimals")
        if not 0 < self.of <= MAX_SHARDS or not 0 <= self.number < self.of:
            raise SettingsError(
                f"shard {self.number} of {self.of} is invalid. There are 1 to {MAX_SHARDS} shards, and the first is 0"
            )

    def holds(self, dag_id: str) -> bool:
        """Return whether the shard's loader file builds a DAG. It does not depend on the other DAGs."""
        return _number_of(dag_id, self.of) == self.number

    @property
    def file_name(self) -> str:
        """The name of the shard's loader file."""
        if self.of == 1:
            return f"{_STEM}.py"
        return f"{_STEM}_{self.number:0{len(str(self.of - 1))}d}_of_{self.of}.py"


WHOLE = Shard(0, 1)
"""All DAG ids."""


def shards(of: int) -> list[Shard]:
    """Return all shards of a number of them."""
    return [Shard(number, of) for number in range(of)]


def shard_of(dag_id: str, of: int) -> Shard:
    """Return the shard that holds a DAG id, where there are so many."""
    return Shard(_number_of(dag_id, of), of)


def shards_of(dag_ids: Collection[str] | None, of: int) -> list[Shard]:
    """
    Return the shards that a change concerns, where there are so many; sorted.

    :param dag_ids: what has changed, None where that is unknown: then all shards
    """
    return shards(of) if dag_ids is None else sorted({shard_of(dag_id, of) for dag_id in dag_ids})


def shard_of_file(name: str) -> Shard | None:
    """Return the shard that a loader file of this name builds, None where it is not named like one."""
    if name == WHOLE.file_name:
        return WHOLE
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    try:
        shard = Shard(int(found["number"]), int(found["of"]))
    except SettingsError:
        return None
    return shard if shard.file_name == name else None


def _number_of(dag_id: str, of: int) -> int:
    return zlib.crc32(dag_id.encode("utf-8", "surrogateescape")) % of
