"""The data of the page, as JSON."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from dag_factory.api_server.api.answers import Refused
from dag_factory.api_server.api.rest import dag_path
from dag_factory.api_server.page.dag_docs import with_docs
from dag_factory.api_server.page.filters import Filter
from dag_factory.api_server.page.known_here import Known, known_in_time
from dag_factory.api_server.page.listing import MOST, Dag, Sort, page
from dag_factory.api_server.page.one_pipeline import with_details
from dag_factory.api_server.page.overview import overview
from dag_factory.api_server.page.permissions import permissions
from dag_factory.api_server.page.rows import Row, is_ours, row
from dag_factory.api_server.page.runs import Run, last_runs, runs_of
from dag_factory.api_server.page.server_difference import server_difference
from dag_factory.api_server.page.standings import Visible
from dag_factory.api_server.page.visitor import Visitor, VisitorDep

router = APIRouter(prefix="/data", include_in_schema=False)

_HISTORY = 10
_LONG_HISTORY = 20


class _Wanted(Filter):
    """The parameters of the table."""

    sort: Sort = "dag_id"
    page: int = Query(1, ge=1, le=1_000_000)
    size: int = Query(50, ge=1, le=MOST)


# Each count of one user takes a database connection of Airflow's. One after the other, they never take more than one.
_thread = ThreadPoolExecutor(1, thread_name_prefix="openmetadata-page-counts")


@router.get("/overview")
async def _overview(request: Request, visitor: VisitorDep) -> dict[str, Any]:
    """Return how many pipelines are in which state, and how they differ from those of the OpenMetadata server."""

    def counted() -> tuple[dict[str, Any], bool]:
        visible: Visible = request.app.state.standings(visitor.user)
        return overview(visible.pipelines), visible.are_all

    found, are_all = await asyncio.get_running_loop().run_in_executor(_thread, counted)
    # It counts all pipelines, so it is for those who may see them all.
    return {**found, "difference": await asyncio.to_thread(server_difference) if are_all else None}


@router.get("/pipelines")
async def _pipelines(visitor: VisitorDep, wanted: Annotated[_Wanted, Query()]) -> dict[str, Any]:
    """Return one page of the table."""
    found = await page(visitor, wanted, wanted.sort, wanted.page, wanted.size)
    rows = await _rows(visitor, found.dags)
    if wanted.last == "none":
        # Airflow can't filter by "no run", only by "last run not started", which a queued run is too.
        rows = [each for each in rows if each["last_run"] is None]
    return {"total": found.total, "pages": found.pages, "page": wanted.page, "size": wanted.size, "pipelines": rows}


@router.get("/pipelines/{dag_id:path}", response_model=None)
async def _pipeline(dag_id: str, visitor: VisitorDep) -> Row:
    """Return one pipeline, with a longer history."""
    dag: Dag = await visitor.ask("GET", dag_path(dag_id), missing=_unknown(dag_id))
    if not is_ours(dag):
        raise Refused(404, _unknown(dag_id))
    runs, may, known = await asyncio.gather(
        runs_of(visitor, dag_id, _LONG_HISTORY), permissions(visitor, [dag_id]), known_in_time([dag_id])
    )
    found = _completed(row(dag, runs), may, known)
    return await with_details(visitor, found)


async def _rows(visitor: Visitor, dags: list[Dag]) -> list[Row]:
    dag_ids = [dag["dag_id"] for dag in dags]
    runs: dict[str, list[Run]]
    runs, may, known = await asyncio.gather(
        last_runs(visitor, dag_ids, _HISTORY), permissions(visitor, dag_ids), known_in_time(dag_ids)
    )
    return [_completed(row(dag, runs.get(dag["dag_id"], [])), may, known) for dag in dags]


def _completed(found: Row, may: dict[str, dict[str, bool | None]], known: dict[str, Known]) -> Row:
    """Return a row with what its user may do, and with what this machine knows of it."""
    dag_id = found["dag_id"]
    here = known.get(dag_id)
    if here is not None:
        config = found["config"] or {"version": None}
        # The version is that of the last run, which may have used another file.
        version = config["version"] if config.get("key", here.key) == here.key else None
        found = with_docs(found, here.docs)
        found = {**found, "config": {"version": version, "key": here.key, "changed_at": here.changed_at}}
    return {**found, "may": may[dag_id]}


def _unknown(dag_id: str) -> str:
    return f"DAG '{dag_id}' is not a pipeline of OpenMetadata, or it is unknown to Airflow. Look for it in the table."
