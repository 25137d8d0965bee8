"""The pipelines of a filter, page by page, as Airflow lists them for a user."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal, NamedTuple

from dag_factory.api_server.page.filters import Filter, Parameters, Part, fits, parts, started
from dag_factory.api_server.page.visitor import Visitor
from dag_factory.settings import airflow_settings

MOST = 100
"""How many DAGs Airflow lists at once, at most (``[api] maximum_page_limit``)."""

Sort = Literal[
    "dag_id", "-dag_id", "name", "-name", "last_run", "-last_run", "last_state", "-last_state", "next_run", "-next_run"
]

_COLUMNS = {
    "dag_id": "dag_id",
    "name": "dag_display_name",
    "last_run": "last_run_start_date",
    "last_state": "last_run_state",
    "next_run": "next_dagrun",
}

Dag = dict[str, Any]
"""A DAG as Airflow lists it."""


class Page(NamedTuple):
    """
    One page of pipelines.

    :param total: how many pipelines there are
    :param pages: how many pages. Where Airflow can't filter, some have fewer pipelines than others, or none
    """

    total: int
    pages: int
    dags: list[Dag]


async def page(visitor: Visitor, wanted: Filter, sort: Sort, number: int, size: int) -> Page:
    """
    Return a page of the pipelines of a filter.

    With many DAGs, each request to Airflow costs a tenth of a second and more, since it looks up which of them the user
    may see. So most pages are a single one.

    :param number: counted from 1
    :param size: how many pipelines a page has, at most `MOST`
    """
    found = await _page(visitor, wanted, sort, number, size, by_id=False)
    if found.pages == 0 and wanted.q:
        found = await _page(visitor, wanted, sort, number, size, by_id=True)
    return found


async def _page(  # noqa: PLR0913 - as `page`
    visitor: Visitor, wanted: Filter, sort: Sort, number: int, size: int, *, by_id: bool
) -> Page:
    first, *others = parts(wanted, by_id=by_id)
    offset = (number - 1) * size
    if _is_by_runs(wanted, sort):
        listing = await _listing(visitor, wanted, sort, by_id=by_id)
        window = _Window(await listing.slice(offset, size), listing.total)
        rest, length = await _sum(visitor, others, "dag_id"), listing.length
    else:
        # In Airflow 3.1 and 3.2, requests at the same time may get each other's order: so these have the same.
        asked = _list(visitor, first.parameters, _order(sort), offset, size)
        window, rest = await asyncio.gather(asked, _sum(visitor, others, _order(sort)))
        length = window.total
    dags = [dag for dag in window.dags if fits(wanted, tags(dag))]
    return Page(max(0, window.total + rest), ceil(length / size), dags)


async def all_of(visitor: Visitor, wanted: Filter) -> AsyncIterator[Dag]:
    """Yield all pipelines of a filter, by DAG id."""
    listing = await _listing(visitor, wanted, "dag_id", by_id=await searches_ids(visitor, wanted))
    for offset in range(0, listing.length, MOST):
        for dag in await listing.slice(offset, MOST):
            if fits(wanted, tags(dag)):
                yield dag


async def searches_ids(visitor: Visitor, wanted: Filter) -> bool:
    """Return whether no title has what is searched for, so that DAG ids are looked through."""
    return bool(wanted.q) and await _count(visitor, parts(wanted)[0].parameters) == 0


def tags(dag: Dag) -> set[str]:
    """Return the names of a DAG's tags."""
    return {tag["name"] for tag in dag["tags"]}


@dataclass(frozen=True)
class _Listing:
    """
    The DAGs of a question, in order: those whose last run has started, and then the others.

    Databases disagree on whether a missing date comes first or last.

    :param total: how many DAGs the question has
    :param begun: how many have started, None where the order is not by runs, and all are asked for together
    :param skipped: how many of the first are left out
    """

    visitor: Visitor
    parameters: Parameters
    order: str
    total: int
    begun: int | None = None
    skipped: int = 0

    @property
    def length(self) -> int:
        return max(0, self.total - self.skipped)

    async def slice(self, offset: int, size: int) -> list[Dag]:
        """Return at most ``size`` DAGs, beginning at an offset."""
        offset += self.skipped
        size = min(size, self.total - offset)
        if size <= 0:
            return []
        if self.begun is None:
            return (await _list(self.visitor, self.parameters, self.order, offset, size)).dags
        dags: list[Dag] = []
        if (of_begun := min(size, self.begun - offset)) > 0:
            dags = (await _list(self.visitor, started(self.parameters), self.order, offset, of_begun)).dags
        if len(dags) < size:
            # In ascending order they are the last for PostgreSQL, and the first for others.
            is_on_postgresql = airflow_settings.database().startswith("postgres")
            first = max(0, offset - self.begun) + (self.begun if is_on_postgresql else 0)
            rest = await _list(self.visitor, self.parameters, _COLUMNS["last_run"], first, size - len(dags))
            dags += rest.dags
        return dags


async def _listing(visitor: Visitor, wanted: Filter, sort: Sort, *, by_id: bool) -> _Listing:
    parameters = parts(wanted, by_id=by_id)[0].parameters
    if not _is_by_runs(wanted, sort):
        return _Listing(visitor, parameters, _order(sort), await _count(visitor, parameters))
    total, begun = await asyncio.gather(_count(visitor, parameters), _count(visitor, started(parameters)))
    return _Listing(visitor, parameters, _order(sort), total, begun, skipped=begun if wanted.last == "none" else 0)


def _is_by_runs(wanted: Filter, sort: Sort) -> bool:
    """Return whether pipelines that have not run are asked for separately."""
    return wanted.last == "none" or (wanted.last is None and sort.lstrip("-").startswith("last_"))


def _order(sort: Sort) -> str:
    minus, name = ("-", sort[1:]) if sort.startswith("-") else ("", sort)
    return f"{minus}{_COLUMNS[name]}"


async def _sum(visitor: Visitor, questions: Sequence[Part], order: str) -> int:
    answers = await asyncio.gather(*(_count(visitor, each.parameters, order) for each in questions))
    return sum(each.sign * answer for each, answer in zip(questions, answers, strict=True))


async def _count(visitor: Visitor, parameters: Parameters, order: str = "dag_id") -> int:
    return (await _list(visitor, parameters, order, 0, 1)).total


class _Window(NamedTuple):
    """Some DAGs of a question, and how many it has."""

    dags: list[Dag]
    total: int


async def _list(visitor: Visitor, parameters: Parameters, order: str, offset: int, size: int) -> _Window:
    window = {**parameters, "order_by": order, "offset": offset, "limit": size}
    answer = await visitor.ask("GET", "/dags", params=window)
    return _Window(answer["dags"], int(answer["total_entries"]))
