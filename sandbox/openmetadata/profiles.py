"""The routes by which the profiler reports about a table, and by which its profiles are read."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query

from sandbox.openmetadata import schemas
from sandbox.openmetadata.collection import Document
from sandbox.openmetadata.names import Segment, join
from sandbox.openmetadata.store import Store

Object = Annotated[dict[str, Any], Body()]

REQUEST = "api.data.createTableProfile.CreateTableProfileRequest"
SETTINGS = {"config_type": "profilerConfiguration", "config_value": {"metricConfiguration": []}}


def routes(store: Store) -> APIRouter:
    """Return the routes, which keep every profile by the fully qualified name of its table or column."""
    router = APIRouter()
    tables = store.collections["table"]
    profiles: dict[tuple[str, str], list[Document]] = {}

    def keep(kind: str, fqn: str, *new: Document) -> None:
        kept = profiles.setdefault((kind, fqn), [])
        times = {profile["timestamp"] for profile in new}
        # Two operations of a moment, such as an insert and an update, are two system profiles.
        kept[:] = [profile for profile in kept if kind == "systemProfile" or profile["timestamp"] not in times]
        kept.extend(new)

    def listed(kind: str, fqn: str, start: int, end: int | None) -> Document:
        found = [
            profile
            for profile in profiles.get((kind, fqn), [])
            if start <= profile["timestamp"] and (end is None or profile["timestamp"] <= end)
        ]
        return {"data": found, "paging": {"total": len(found)}}

    @router.get("/system/settings/profilerConfiguration")
    async def settings() -> Document:
        return SETTINGS

    @router.put("/tables/{id_}/tableProfile")
    async def put_profile(id_: Segment, body: Object) -> Document:
        schemas.check(REQUEST, body)
        table = store.find("table", id_)
        fqn = table["fullyQualifiedName"]
        columns = {profile["name"]: profile for profile in body.get("columnProfile") or []}
        keep("tableProfile", fqn, body["tableProfile"])
        for name, profile in columns.items():
            keep("columnProfile", join(fqn, name), profile)
        keep("systemProfile", fqn, *(body.get("systemProfile") or []))
        profiled = [
            {**column, "profile": columns[column["name"]]} if column["name"] in columns else column
            for column in table["columns"]
        ]
        return store.set(tables, id_, profile=body["tableProfile"], columns=profiled)

    @router.get("/tables/{fqn}/{kind}Profile")
    async def get_profiles(
        fqn: Segment,
        kind: str,
        start: Annotated[int, Query(alias="startTs")] = 0,
        end: Annotated[int | None, Query(alias="endTs")] = None,
    ) -> Document:
        return listed(f"{kind}Profile", fqn, start, end)

    @router.get("/tables/{fqn}/tableProfile/latest")
    async def latest(fqn: Segment) -> Document:
        return store.find("table", fqn)

    return router
