"""The routes by which a pipeline service's workflow reports the runs of its pipelines, and their outcomes."""

from typing import Annotated, Any

from fastapi import APIRouter, Body

from sandbox.openmetadata import schemas
from sandbox.openmetadata.collection import Document
from sandbox.openmetadata.names import Segment
from sandbox.openmetadata.store import Store

Object = Annotated[dict[str, Any], Body()]
Objects = Annotated[list[dict[str, Any]], Body()]

STATUS = "entity.data.pipeline.PipelineStatus"


def routes(store: Store) -> APIRouter:
    """Return the routes below pipelines which only pipelines have; the newest status is kept."""
    pipelines = store.collections["pipeline"]
    router = APIRouter(prefix=f"/{pipelines.path}")

    def keep(fqn: str, statuses: list[Document]) -> Document:
        for status in statuses:
            schemas.check(STATUS, status)
        known = store.find("pipeline", fqn).get("pipelineStatus")
        newest = max(
            [*statuses, *([known] if known else [])], key=lambda status: int(status["timestamp"]), default=None
        )
        return store.set(pipelines, fqn, pipelineStatus=newest) if newest else store.find("pipeline", fqn)

    @router.put("/{fqn}/status/bulk")
    async def put_statuses(fqn: Segment, body: Objects) -> Document:
        return pipelines.told(keep(fqn, body))

    @router.put("/{fqn}/status")
    async def put_status(fqn: Segment, body: Object) -> Document:
        return pipelines.told(keep(fqn, [body]))

    return router
