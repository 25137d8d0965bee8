"""The routes by which a usage workflow reports how often tables are read, and by which queries and users."""

from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Body

from sandbox.openmetadata import schemas
from sandbox.openmetadata.collection import Document
from sandbox.openmetadata.names import Segment
from sandbox.openmetadata.store import Store

Object = Annotated[dict[str, Any], Body()]
References = Annotated[list[dict[str, Any]], Body()]
Names = Annotated[list[str], Body()]

DAY = {"count": 0, "percentileRank": 0.0}


def routes(store: Store) -> APIRouter:
    """Return the routes below usage, queryCostRecord, and those of a query which others don't have."""
    router = APIRouter()
    queries = store.collections["query"]

    @router.post("/usage/compute.percentile/{kind}/{date}")
    async def compute(kind: str, date: str) -> Document:
        # Ranks compare the tables of a whole platform; nothing here asks for them.
        return {"code": 201, "message": f"Percentile computed for {kind} on {date}"}

    # Of tables by POST, of dashboards and pipelines by PUT.
    @router.put("/usage/{kind}/{id_}", status_code=201)
    @router.post("/usage/{kind}/{id_}", status_code=201)
    async def add_usage(kind: str, id_: Segment, body: Object) -> Document:
        schemas.check("type.usageRequest.UsageRequest", body)
        entity = store.find(kind, id_)
        before = entity.get("usageSummary", {})
        stats = {
            name: {**DAY, "count": before.get(name, DAY)["count"] + body["count"]}
            for name in ("dailyStats", "weeklyStats", "monthlyStats")
        }
        if before.get("date") != body["date"]:
            stats["dailyStats"] = {**DAY, "count": body["count"]}
        return store.set(store.collections[kind], id_, usageSummary={**stats, "date": body["date"]})

    @router.put("/queries/{id_}/usage")
    async def add_tables(id_: Segment, body: References) -> Document:
        known = {each["id"]: each for each in store.find("query", id_).get("queryUsedIn", [])}
        added = {each["id"]: store.reference(each["type"], each["id"]) for each in body}
        return queries.told(store.set(queries, id_, queryUsedIn=[*{**known, **added}.values()]))

    @router.put("/queries/{id_}/users")
    async def add_users(id_: Segment, body: Names) -> Document:
        known = {each["name"]: each for each in store.find("query", id_).get("users", [])}
        added = {each["name"]: each for each in (store.reference("user", name) for name in body)}
        return queries.told(store.set(queries, id_, users=[*{**known, **added}.values()]))

    @router.put("/queries/{id_}/usedBy")
    async def add_names(id_: Segment, body: Names) -> Document:
        known = store.find("query", id_).get("usedBy", [])
        return queries.told(store.set(queries, id_, usedBy=sorted({*known, *body})))

    @router.post("/queryCostRecord", status_code=201)
    async def add_cost(body: Object) -> Document:
        schemas.check("api.data.createQueryCostRecord.CreateQueryCostRecordRequest", body)
        query = store.reference("query", body["queryReference"]["id"])
        return {**body, "id": str(uuid4()), "queryReference": query}

    return router
