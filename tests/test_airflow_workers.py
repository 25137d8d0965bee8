from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.airflow_workers import TwoAirflows

AIRFLOWS = ["test_a@e2e tests airflow", "test_b@e2e tests airflow", "test_c@e2e fab", "test_d@e2e hourly"]
FAST = [f"test_{number}" for number in range(8)]
ALL = [*AIRFLOWS, *FAST]


class Worker:
    """Stands for one that xdist has started; notes what it is given, and does what is asked of it at once."""

    def __init__(self, number: int, tests: list[str]) -> None:
        self.tests = tests
        self.gateway = SimpleNamespace(id=f"gw{number}")
        self.given: list[str] = []
        self.shutting_down = False

    def send_runtest_some(self, indices: list[int]) -> None:
        self.given += [self.tests[index] for index in indices]

    def shutdown(self) -> None:
        self.shutting_down = True


def schedule(workers: list[Worker]) -> None:
    """Give tests to workers until all have run; each runs one at a time, in turn."""
    config = SimpleNamespace(
        getvalue=lambda _: [f"{len(workers)}*popen"], option=SimpleNamespace(loadscopereorder=False)
    )
    given = TwoAirflows(cast("pytest.Config", config))
    for worker in workers:
        given.add_node(cast("Any", worker))
        given.add_node_collection(cast("Any", worker), worker.tests)
    given.schedule()
    done = dict.fromkeys(map(id, workers), 0)
    while given.has_pending:
        before = sum(done.values())
        for worker in workers:
            if done[id(worker)] < len(worker.given):
                name = worker.given[done[id(worker)]]
                done[id(worker)] += 1
                given.mark_test_complete(cast("Any", worker), worker.tests.index(name))
        assert sum(done.values()) > before, "nobody has anything to do"


def test_the_third_worker_starts_no_airflow_and_every_test_runs_once() -> None:
    # They may be ready in any order.
    workers = [Worker(number, ALL) for number in (2, 0, 1)]
    schedule(workers)
    assert sorted(name for worker in workers for name in worker.given) == sorted(ALL)
    assert workers[0].given
    assert not any("@e2e" in name for name in workers[0].given)
    assert {name for worker in workers[1:] for name in worker.given if "@e2e" in name} == set(AIRFLOWS)
    assert all(worker.shutting_down for worker in workers)


def test_it_goes_home_where_all_tests_need_one() -> None:
    workers = [Worker(number, AIRFLOWS) for number in range(3)]
    schedule(workers)
    assert workers[2].given == []
    assert workers[2].shutting_down
    assert sorted(name for worker in workers for name in worker.given) == sorted(AIRFLOWS)
