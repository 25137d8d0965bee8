"""Lineage: edges between entities, and the routes by which they are written and read."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Response

from sandbox.openmetadata import patch, schemas
from sandbox.openmetadata.collection import Document
from sandbox.openmetadata.errors import ApiError, NotFound
from sandbox.openmetadata.names import Segment
from sandbox.openmetadata.store import Store

Object = Annotated[dict[str, Any], Body()]
Objects = Annotated[list[dict[str, Any]], Body()]
Edges = dict[tuple[str, str], Document]

DETAILS = "type.entityLineage.LineageDetails"
BY_ID = "/{from_kind}/{from_}/{to_kind}/{to}"
BY_NAME = "/{from_kind}/name/{from_}/{to_kind}/name/{to}"


def routes(store: Store, edges: Edges) -> APIRouter:
    """Return the lineage routes, which keep edges by the ids of both ends."""
    router = APIRouter(prefix="/lineage")

    def connect(from_: Document, to: Document, details: Document) -> None:
        schemas.check(DETAILS, details)
        edges[from_["id"], to["id"]] = {"fromEntity": from_, "toEntity": to, "lineageDetails": details}

    def edge(from_id: str, to_id: str) -> Document:
        if (from_id, to_id) not in edges:
            raise NotFound("lineage", f"{from_id} -> {to_id}")
        return edges[from_id, to_id]

    def graph(entity: Document) -> Document:
        upstream = [each for each in edges.values() if each["toEntity"]["id"] == entity["id"]]
        downstream = [each for each in edges.values() if each["fromEntity"]["id"] == entity["id"]]
        nodes = [each["fromEntity"] for each in upstream] + [each["toEntity"] for each in downstream]
        return {
            "entity": entity,
            "nodes": nodes,
            "upstreamEdges": [by_ids(each) for each in upstream],
            "downstreamEdges": [by_ids(each) for each in downstream],
        }

    def forget(entity: Document, source: str) -> Response:
        for key, each in list(edges.items()):
            if each["toEntity"]["id"] == entity["id"] and each["lineageDetails"].get("source") == source:
                del edges[key]
        return Response(status_code=200)

    @router.put("")
    async def add(body: Object) -> Response:
        schemas.check("api.lineage.addLineage.AddLineageRequest", body)
        from_, to = (
            store.reference(end["type"], end["id"]) for end in (body["edge"]["fromEntity"], body["edge"]["toEntity"])
        )
        connect(from_, to, without_nulls(body["edge"].get("lineageDetails") or {}))
        return Response(status_code=200)

    @router.put(BY_NAME)
    async def add_by_name(from_kind: str, from_: Segment, to_kind: str, to: Segment, body: Object) -> Response:
        connect(store.reference(from_kind, from_), store.reference(to_kind, to), without_nulls(body))
        return Response(status_code=200)

    @router.get("/getLineageEdge/{from_}/{to}")
    async def get_edge(from_: Segment, to: Segment) -> Document:
        return {"edge": edge(from_, to)["lineageDetails"]}

    @router.get(f"/getLineageEdge{BY_NAME}")
    async def get_edge_by_name(from_kind: str, from_: Segment, to_kind: str, to: Segment) -> Document:
        return {"edge": edge(store.find(from_kind, from_)["id"], store.find(to_kind, to)["id"])["lineageDetails"]}

    @router.patch(BY_NAME)
    @router.patch(BY_ID)
    async def update(from_kind: str, from_: Segment, to_kind: str, to: Segment, body: Objects) -> Response:
        ends = store.reference(from_kind, from_), store.reference(to_kind, to)
        connect(*ends, patch.apply(edge(ends[0]["id"], ends[1]["id"])["lineageDetails"], body))
        return Response(status_code=200)

    # Before the routes that delete one edge, whose paths are as long.
    @router.delete("/source/name/{kind}/{fqn}/type/{source}")
    async def delete_by_source_and_name(kind: str, fqn: Segment, source: str) -> Response:
        return forget(store.reference(kind, fqn), source)

    @router.delete("/{kind}/{id_}/type/{source}")
    async def delete_by_source(kind: str, id_: Segment, source: str) -> Response:
        return forget(store.reference(kind, id_), source)

    @router.delete(BY_NAME)
    @router.delete(BY_ID)
    async def delete(from_kind: str, from_: Segment, to_kind: str, to: Segment) -> Response:
        ends = store.find(from_kind, from_)["id"], store.find(to_kind, to)["id"]
        if edges.pop(ends, None) is None:
            raise ApiError(404, "There is no such lineage edge")
        return Response(status_code=200)

    @router.get("/{kind}/name/{fqn}")
    async def get_by_name(kind: str, fqn: Segment) -> Document:
        return graph(store.reference(kind, fqn))

    @router.get("/{kind}/{id_}")
    async def get_by_id(kind: str, id_: Segment) -> Document:
        return graph(store.reference(kind, id_))

    return router


def by_ids(edge: Document) -> Document:
    return {**edge, "fromEntity": edge["fromEntity"]["id"], "toEntity": edge["toEntity"]["id"]}


def without_nulls(details: Document) -> Document:
    return {field: value for field, value in details.items() if value is not None}
