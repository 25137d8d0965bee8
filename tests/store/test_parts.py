from __future__ import annotations

from typing import Any

import pytest

from dag_factory.errors import SettingsError
from dag_factory.store.parts import Part
from dag_factory.store.shards import shards


@pytest.mark.parametrize(("of", "count"), [(1, 1), (1, 64), (4, 64), (3, 64), (64, 64)])
def test_each_shard_is_in_one_part_and_no_part_is_empty(of: int, count: int) -> None:
    parts = [Part(number, of, count) for number in range(of)]
    assert sorted(shard for part in parts for shard in part.all()) == shards(count)
    assert all(part.all() for part in parts)
    for shard in shards(count):
        assert [part.number for part in parts if part.holds(shard)] == [shard.number % of]
    assert not any(part.holds(shard) for part in parts for shard in shards(count + 1))


@pytest.mark.parametrize(
    ("number", "of", "count", "message"),
    [
        (0, 1, 0, r"shards is 0\. Set it to a number of 1 to 4096"),
        (0, 1, 5000, r"shards is 5000\. Set it to a number of 1 to 4096"),
        (4, 4, 64, r"part is 4, of 4 parts\. The first part is 0, so set it to a number of 0 to 3"),
        (-1, 4, 64, r"part is -1"),
        (0, 0, 64, r"parts is 0, of 64 shards\. Set it to 1 to 64"),
        (0, 8, 4, r"parts is 8, of 4 shards"),
        (0, 1, "64", r"shards is not a number\. Write it without quotes"),
        (True, 2, 64, "part is not a number"),
        (0, 2.0, 64, "parts is not a number"),
    ],
)
def test_a_part_that_can_t_be_is_said_with_the_way_out(number: Any, of: Any, count: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Part(number, of, count)
