"""The routes by which the server deploys ingestion pipelines to Airflow, as the real one does."""

import asyncio
from copy import deepcopy
from typing import Annotated, Any

from fastapi import APIRouter, Body

from sandbox.openmetadata import schemas
from sandbox.openmetadata.collection import Document
from sandbox.openmetadata.errors import ApiError
from sandbox.openmetadata.names import Segment
from sandbox.openmetadata.store import Store
from sandbox.pipeline_service import PipelineServiceClient, PipelineServiceError

Object = Annotated[dict[str, Any], Body()]
Ids = Annotated[list[str], Body()]

KIND = "ingestionPipeline"
ANSWER = "entity.services.ingestionPipelines.pipelineServiceClientResponse.PipelineServiceClientResponse"


class Deploys:
    """Deploys to one Airflow, which is named once the server has started: Airflow needs the server's address first."""

    def __init__(self, store: Store, token: str | None) -> None:
        self._store = store
        self._token = token
        self._airflow: PipelineServiceClient | None = None

    def use(self, url: str, username: str, password: str) -> None:
        """Deploy to this Airflow from now on."""
        self._airflow = PipelineServiceClient(url, username, password)

    async def deploy(self, id_: str) -> Document:
        """Deploy a pipeline and take note of it; the document has the connection to this server, as no other answer."""
        pipelines = self._store.collections[KIND]
        pipeline = self._store.find(KIND, id_, deleted=False)
        self._store.find(pipeline["service"]["type"], pipeline["service"]["id"], deleted=False)
        if self._airflow is None:
            raise ApiError(400, "The sandbox knows no Airflow: PUT /sandbox/pipeline_service names one")
        sent = {**deepcopy(pipelines.told(pipeline)), "openMetadataServerConnection": self._connection()}
        sent.pop("pipelineStatuses", None)
        try:
            told = await asyncio.to_thread(self._airflow.deploy, sent)
        except PipelineServiceError as refusal:
            raise ApiError(400, f"{pipeline['name']} Failed to deploy Ingestion Pipeline due to {refusal}") from None
        if not pipeline.get("deployed"):
            # That is a change of the pipeline, so it makes a new version.
            self._store.update(pipelines, id_, [{"op": "add", "path": "/deployed", "value": True}])
        return answered(200, str(told))

    def _connection(self) -> Document:
        return {
            "type": "OpenMetadata",
            "hostPort": f"{self._store.base_url}/api",
            "authProvider": "openmetadata",
            "securityConfig": {"jwtToken": self._token},
        }


def routes(store: Store, deploys: Deploys) -> APIRouter:
    """Return the routes below services/ingestionPipelines that deploy."""
    router = APIRouter(prefix=f"/{store.collections[KIND].path}")

    @router.post("/deploy/{id_}")
    async def deploy(id_: Segment) -> Document:
        return await deploys.deploy(id_)

    @router.post("/bulk/deploy")
    async def deploy_many(ids: Ids) -> list[Document]:
        answers = []
        for id_ in ids:
            try:
                answers.append(await deploys.deploy(id_))
            except ApiError as problem:
                answers.append(answered(500, f"Error deploying [{id_}] due to [{problem.message}]"))
        return answers

    return router


def answered(code: int, reason: str) -> Document:
    answer = {"code": code, "reason": reason, "platform": "Airflow"}
    schemas.check(ANSWER, answer, status=500)
    return answer
