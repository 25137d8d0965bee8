"""Shards: which loader file builds which DAG."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag_factory.errors import SettingsError
from dag_factory.store.shards import MAX_SHARDS, WHOLE, Shard, shard_of, shard_of_file, shards


@given(dag_id=st.text(max_size=250), of=st.integers(1, MAX_SHARDS))
def test_each_dag_is_in_one_shard(dag_id: str, of: int) -> None:
    shard = shard_of(dag_id, of)
    assert shard.of == of
    assert shard.holds(dag_id)
    assert not Shard((shard.number + 1) % of, of).holds(dag_id) or of == 1


def test_a_dag_stays_in_its_shard_from_release_to_release() -> None:
    # Airflow's rows say which file makes a DAG.
    assert [shard_of(dag_id, 64).number for dag_id in ("sales", "orders", "Bestellungen ü")] == [4, 46, 19]


def test_dags_are_spread_evenly() -> None:
    counts = [0] * 64
    for number in range(10_000):
        counts[shard_of(f"pipeline_{number}", 64).number] += 1
    assert min(counts) > 100
    assert max(counts) < 220


@pytest.mark.parametrize(
    ("shard", "name"),
    [
        (WHOLE, "openmetadata_loader.py"),
        (Shard(3, 64), "openmetadata_loader_03_of_64.py"),
        (Shard(0, 2), "openmetadata_loader_0_of_2.py"),
        (Shard(99, 100), "openmetadata_loader_99_of_100.py"),
    ],
    ids=["whole", "3 of 64", "0 of 2", "99 of 100"],
)
def test_a_loader_file_is_named_after_its_shard(shard: Shard, name: str) -> None:
    assert shard.file_name == name
    assert shard_of_file(name) == shard


@pytest.mark.parametrize(
    "name",
    [
        "other.py",
        "openmetadata_loader_3_of_64.py",
        "openmetadata_loader_64_of_64.py",
        "openmetadata_loader_0_of_0.py",
        f"openmetadata_loader_{'9' * 5000}_of_4.py",
    ],
    ids=["other", "3 of 64", "64 of 64", "0 of 0", "too long"],
)
def test_another_file_is_no_loader_of_a_shard(name: str) -> None:
    assert shard_of_file(name) is None


def test_the_names_of_all_shards_differ_and_sort_by_their_numbers() -> None:
    names = [shard.file_name for shard in shards(128)]
    assert sorted(set(names)) == names


@pytest.mark.parametrize(("number", "of"), [(-1, 4), (4, 4), (0, 0), (0, MAX_SHARDS + 1)])
def test_a_shard_that_cannot_be_is_refused(number: int, of: int) -> None:
    with pytest.raises(SettingsError, match=f"shard {number} of {of} is invalid"):
        Shard(number, of)
