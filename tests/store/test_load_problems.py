from __future__ import annotations

from dag_factory.store.load_problems import first_problem, with_problem
from dag_factory.store.shards import WHOLE, Shard


def test_each_loader_file_has_its_problem_and_none_of_another_number_of_shards_stays() -> None:
    first, second = Shard(0, 2), Shard(1, 2)
    noted = with_problem(with_problem({}, second, "slow"), first, "slower")
    assert noted == {"openmetadata_loader_0_of_2.py": "slower", "openmetadata_loader_1_of_2.py": "slow"}
    assert first_problem(noted) == "slower The loads of 1 more loader files have a problem."
    assert with_problem(noted, first, None) == {"openmetadata_loader_1_of_2.py": "slow"}
    assert with_problem(noted, WHOLE, None) == {}
    assert first_problem({}) is None
    assert first_problem({"x": 3}) is None
