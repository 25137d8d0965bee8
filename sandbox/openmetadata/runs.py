"""The routes by which a run of an ingestion pipeline reports: its status, its progress and its log."""

import gzip
from base64 import b64decode
from collections import OrderedDict, deque
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Response

from sandbox.openmetadata import schemas
from sandbox.openmetadata.collection import Document
from sandbox.openmetadata.names import Segment
from sandbox.openmetadata.store import Store

Object = Annotated[dict[str, Any], Body()]

KIND = "ingestionPipeline"
SCHEMA = "entity.services.ingestionPipelines"
KEPT_STATUSES = 100
KEPT_LOG_BATCHES = 500
KEPT_RUNS = 1000


class Received:
    """The statuses of each run in the order of their arrival, for what looks at them: a run shows only its last one."""

    def __init__(self) -> None:
        self._statuses: OrderedDict[str, list[Document]] = OrderedDict()

    def add(self, status: Document) -> None:
        """Remember a status; the run that began to report first is forgotten when there are too many."""
        self._statuses.setdefault(str(status.get("runId")), []).append(status)
        if len(self._statuses) > KEPT_RUNS:
            self._statuses.popitem(last=False)

    def of(self, run_id: str) -> list[Document]:
        """Return the statuses of a run, the first one first."""
        return self._statuses.get(run_id, [])


def routes(store: Store, received: Received) -> APIRouter:
    """Return the routes below services/ingestionPipelines which only ingestion pipelines have."""
    pipelines = store.collections[KIND]
    router = APIRouter(prefix=f"/{pipelines.path}")
    progress: dict[tuple[str, str], Document] = {}
    logs: dict[tuple[str, str], deque[str]] = {}

    def statuses(fqn: str) -> list[Document]:
        found: list[Document] = store.find(KIND, fqn).get("pipelineStatuses", [])
        return found

    @router.put("/{fqn}/pipelineStatus")
    async def put_status(fqn: Segment, body: Object) -> Document:
        schemas.check(f"{SCHEMA}.ingestionPipeline.PipelineStatus", body)
        received.add(body)
        others = [status for status in statuses(fqn) if status.get("runId") != body.get("runId")]
        newest_first = sorted([body, *others], key=lambda status: -(status.get("timestamp") or 0))
        return store.set(pipelines, fqn, pipelineStatuses=newest_first[:KEPT_STATUSES])

    @router.get("/{fqn}/pipelineStatus")
    async def list_statuses(
        fqn: Segment,
        start: Annotated[int, Query(alias="startTs")] = 0,
        end: Annotated[int | None, Query(alias="endTs")] = None,
    ) -> Document:
        found = [
            status
            for status in statuses(fqn)
            if start <= (status.get("timestamp") or 0) and (end is None or (status.get("timestamp") or 0) <= end)
        ]
        return {"data": found, "paging": {"total": len(found)}}

    @router.get("/{fqn}/pipelineStatus/{run_id}", response_model=None)
    async def get_status(fqn: Segment, run_id: Segment) -> Document | Response:
        for status in statuses(fqn):
            if status.get("runId") == run_id:
                return status
        # Not 404, which is an error to the workflow: an empty answer means "no status yet".
        return Response(status_code=204)

    @router.put("/progress/{fqn}/{run_id}")
    async def put_progress(fqn: Segment, run_id: Segment, body: Object) -> Response:
        schemas.check(f"{SCHEMA}.progressUpdate.ProgressUpdate", body)
        progress[fqn, run_id] = body
        return Response(status_code=204)

    @router.get("/progress/{fqn}/{run_id}", response_model=None)
    async def get_progress(fqn: Segment, run_id: Segment) -> Document | Response:
        return progress.get((fqn, run_id)) or Response(status_code=204)

    @router.post("/metrics/{fqn}/{run_id}")
    async def post_metrics(fqn: Segment, run_id: Segment, body: Object) -> Response:
        schemas.check(f"{SCHEMA}.operationMetrics.OperationMetricsBatch", body)
        return Response(status_code=204)

    @router.post("/logs/{fqn}/{run_id}")
    async def post_log(fqn: Segment, run_id: Segment, body: Object) -> Response:
        text = body.get("logs") or ""
        if body.get("compressed"):
            text = gzip.decompress(b64decode(text)).decode()
        logs.setdefault((fqn, run_id), deque(maxlen=KEPT_LOG_BATCHES)).append(text)
        return Response(status_code=200)

    @router.post("/logs/{fqn}/{run_id}/close")
    async def close_log(fqn: Segment, run_id: Segment) -> Response:
        return Response(status_code=200)

    @router.get("/logs/{fqn}/{run_id}")
    async def get_log(fqn: Segment, run_id: Segment) -> Document:
        text = "\n".join(logs.get((fqn, run_id), ()))
        return {"logs": text, "total": len(text)}

    return router
