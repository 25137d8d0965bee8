"""Totals that are asked for once in a few seconds, for each user by themselves."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dag_factory.api.rest import AirflowApi
from dag_factory.page.filters import Filter
from dag_factory.page.listing import page
from dag_factory.page.overview import overview
from dag_factory.page.recent_totals import RecentTotals
from dag_factory.page.visitor import Visitor
from tests.page.fake_airflow import FakeAirflow, dag

# Airflow imports the test client of an HTTP library that is about to be replaced.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")


def counted_after_a_table(airflow: FakeAirflow, first: str, then: str, totals: RecentTotals) -> tuple[int, Any]:
    """Return how many questions the counts of one user cost after the table of another, and the counts."""

    async def views() -> Any:
        api = AirflowApi(lambda: airflow.app)
        await page(Visitor(api, first, totals.of(first)), Filter(), "dag_id", 1, 50)
        airflow.asked.clear()
        airflow.dags["c"] = dag("c")
        return await overview(Visitor(api, then, totals.of(then)))

    counts = asyncio.run(views())["counts"]
    return len(airflow.asked), counts


def test_the_counts_do_not_ask_again_for_what_the_table_has_just_found() -> None:
    asked, counts = counted_after_a_table(FakeAirflow(dag("a"), dag("b")), "ann", "ann", RecentTotals())
    assert (asked, counts["all"]) == (5, 2)


@pytest.mark.parametrize(("then", "seconds"), [("bob", 60.0), ("ann", 0.0)], ids=["another user", "later"])
def test_another_user_and_a_later_view_ask_for_themselves(then: str, seconds: float) -> None:
    asked, counts = counted_after_a_table(FakeAirflow(dag("a"), dag("b")), "ann", then, RecentTotals(seconds))
    assert (asked, counts["all"]) == (6, 3)


def test_what_was_changed_is_asked_for_again_whoever_changed_it() -> None:
    totals = RecentTotals(60.0)
    totals.of("ann").note({"tags": ["a"]}, 3)
    assert totals.of("ann").get({"tags": ["a"]}) == 3
    assert totals.of("ann").get({"tags": ["b"]}) is None
    totals.of("bob").forget()
    assert totals.of("ann").get({"tags": ["a"]}) is None


def test_however_many_questions_there_are_the_memory_is_bounded() -> None:
    totals = RecentTotals(60.0)
    for number in range(5000):
        totals.of("ann").note({"q": str(number)}, number)
    assert sum(totals.of("ann").get({"q": str(number)}) is not None for number in range(5000)) <= 1000
    assert totals.of("ann").get({"q": "4999"}) == 4999
