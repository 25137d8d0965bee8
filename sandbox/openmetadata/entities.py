"""The routes that every collection of entities has."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Body, Depends, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.convertors import Convertor, register_url_convertor

from sandbox.openmetadata import schemas
from sandbox.openmetadata.catalogue import COLLECTIONS
from sandbox.openmetadata.collection import Collection, Document
from sandbox.openmetadata.errors import ApiError
from sandbox.openmetadata.names import Segment
from sandbox.openmetadata.store import Store

Fields = Annotated[str, Query()]
Object = Annotated[dict[str, Any], Body()]
Objects = Annotated[list[dict[str, Any]], Body()]
Flag = Annotated[bool, Query()]

HardDelete = Annotated[bool, Query(alias="hardDelete")]


BY_PATH = {collection.path: collection for collection in COLLECTIONS}


class CollectionPath(Convertor[Collection]):
    """In a route, the path of a collection, which may have several parts."""

    regex = "|".join(map(re.escape, BY_PATH))

    def convert(self, value: str) -> Collection:
        return BY_PATH[value]

    def to_string(self, value: Collection) -> str:
        return value.path


register_url_convertor("collection", CollectionPath())


async def collection_of(request: Request) -> Collection:
    """Return the collection that a route's path has named."""
    found: Collection = request.path_params["collection"]
    return found


Served = Annotated[Collection, Depends(collection_of)]


class Listing(BaseModel):
    """How to list a collection. Any other parameter is the value of a field that the entities must have."""

    limit: Annotated[int, Field(ge=0, le=1_000_000)] = 10
    after: str = ""
    before: str = ""
    fields: str = ""
    include: str = "non-deleted"


def routes(store: Store) -> APIRouter:
    """Return one set of routes for all collections: a set for each took two seconds of each start."""
    router = APIRouter(prefix="/{collection:collection}")

    @router.get("")
    async def list_(collection: Served, request: Request, asked: Annotated[Listing, Query()]) -> Document:
        wanted = {name: value for name, value in request.query_params.items() if name not in Listing.model_fields}
        matching = [
            each for each in store.all(collection.kind) if included(each, asked.include) and matches(each, wanted)
        ]
        chosen, paging = page(matching, asked)
        return {"data": [view(collection, each, asked.fields) for each in chosen], "paging": paging}

    @router.get("/name/{fqn}")
    async def get_by_name(
        collection: Served, fqn: Segment, fields: Fields = "", include: str = "non-deleted"
    ) -> JSONResponse:
        document = store.find(collection.kind, fqn, deleted=include != "non-deleted")
        return answer(collection, document, fields)

    @router.get("/{id_}")
    async def get_by_id(
        collection: Served, id_: Segment, fields: Fields = "", include: str = "non-deleted"
    ) -> JSONResponse:
        document = store.find(collection.kind, id_, deleted=include != "non-deleted")
        return answer(collection, document, fields)

    @router.post("")
    async def create(collection: Served, body: Object) -> JSONResponse:
        return answer(collection, store.put(collection, body, update=False)[0], "*", 201)

    @router.put("")
    async def create_or_update(collection: Served, body: Object) -> JSONResponse:
        document, created = store.put(collection, body)
        return answer(collection, document, "*", 201 if created else 200)

    @router.put("/bulk")
    async def create_or_update_many(
        collection: Served, body: Objects, override: Annotated[bool, Query(alias="overrideMetadata")] = False
    ) -> Document:
        done: list[Document] = []
        failed: list[Document] = []
        for each in body:
            try:
                document, created = store.put(collection, each, override=override)
                done.append({"request": document["fullyQualifiedName"], "status": 201 if created else 200})
            except ApiError as problem:
                failed.append({"request": each.get("name"), "status": problem.status, "message": problem.message})
        return bulk_result(done, failed)

    @router.patch("/name/{key}")
    @router.patch("/{key}")
    async def update(
        collection: Served, key: Segment, body: Objects, if_match: Annotated[str, Header()] = ""
    ) -> JSONResponse:
        if if_match and if_match != etag(store.find(collection.kind, key)):
            raise ApiError(412, "The entity has changed since it was read")
        return answer(collection, store.update(collection, key, body), "*")

    @router.put("/restore")
    async def restore(collection: Served, body: Object) -> JSONResponse:
        return answer(collection, store.restore(collection, str(body.get("id"))), "*")

    @router.delete("/deleteStale")
    async def delete_stale(collection: Served, body: Object) -> Document:
        scope = store.find_scope(str(body.get("scopeEntityType")), str(body.get("scopeFqn")))
        seen = set(body.get("seenFqns", ()))
        stale = [
            entity["fullyQualifiedName"]
            for each, entity in store.below(scope)
            if each is collection and not entity["deleted"] and entity["fullyQualifiedName"] not in seen
        ]
        for fqn in stale:
            store.delete(collection, fqn, recursive=bool(body.get("recursive", True)), hard=False)
        return bulk_result([{"request": fqn, "status": 200} for fqn in stale], [])

    @router.delete("/async/{id_}")
    async def delete_later(
        collection: Served, id_: Segment, recursive: Flag = False, hard: HardDelete = False
    ) -> JSONResponse:
        store.delete(collection, id_, recursive=recursive, hard=hard)
        return JSONResponse({"jobId": str(uuid4()), "message": "Deleted."}, 202)

    @router.delete("/name/{key}")
    @router.delete("/{key}")
    async def delete(
        collection: Served, key: Segment, recursive: Flag = False, hard: HardDelete = False
    ) -> JSONResponse:
        return answer(collection, store.delete(collection, key, recursive=recursive, hard=hard), "*")

    @router.put("/{id_}/{part}")
    async def set_part(collection: Served, id_: Segment, part: str, body: Object) -> JSONResponse:
        return answer(collection, store.set(collection, id_, **{known_part(collection, part): body}), part)

    @router.get("/{id_}/{part}")
    async def get_part(collection: Served, id_: Segment, part: str) -> JSONResponse:
        return answer(collection, store.find(collection.kind, id_), known_part(collection, part))

    @router.delete("/{id_}/{part}")
    async def delete_part(collection: Served, id_: Segment, part: str) -> Response:
        return answer(collection, store.set(collection, id_, **{known_part(collection, part): None}))

    return router


def view(collection: Collection, document: Document, fields: str = "") -> Document:
    """Return what is answered of an entity, with the fields that were asked for."""
    asked = {field for field in fields.split(",") if field}
    schemas.check_fields(collection.entity, asked)
    hidden = frozenset() if "*" in asked else collection.on_request - asked
    return {field: value for field, value in collection.told(document).items() if field not in hidden}


def answer(collection: Collection, document: Document, fields: str = "", status: int = 200) -> JSONResponse:
    return JSONResponse(view(collection, document, fields), status, {"ETag": etag(document)})


def known_part(collection: Collection, part: str) -> str:
    if part not in collection.parts:
        raise ApiError(404, f"{collection.path} have no {part}")
    return part


def etag(document: Document) -> str:
    """Return the value that a client may send back as If-Match."""
    return f'W/"{document["version"]}"'


def included(document: Document, include: str) -> bool:
    return include == "all" or document["deleted"] == (include == "deleted")


def matches(document: Document, wanted: dict[str, str]) -> bool:
    """Return whether an entity's fields have the wanted values. Parameters that are not its fields are ignored."""
    below = wanted.get("parent")
    return (below is None or document["fullyQualifiedName"].startswith(f"{below}.")) and all(
        value in (found["fullyQualifiedName"], found["name"], found["id"])
        if isinstance(found, dict)
        else value == str(found)
        for name, value in wanted.items()
        # Some parameters are named after the id of what a field refers to, such as testSuiteId.
        if name != "parent" and (found := document.get(name) or document.get(name.removesuffix("Id"))) is not None
    )


def page(documents: list[Document], asked: Listing) -> tuple[list[Document], Document]:
    """Return a page of entities, sorted by fully qualified name, and the cursors of the pages before and after it."""
    names = [document["fullyQualifiedName"] for document in documents]
    if asked.before:
        end = sum(name < decoded(asked.before) for name in names)
        start = max(0, end - asked.limit)
    else:
        start = sum(name <= decoded(asked.after) for name in names) if asked.after else 0
        end = min(start + asked.limit, len(names))
    paging: Document = {"total": len(names)}
    if asked.limit and start > 0:
        paging["before"] = encoded(names[start])
    if asked.limit and end < len(names):
        paging["after"] = encoded(names[end - 1])
    return documents[start:end], paging


def encoded(name: str) -> str:
    return urlsafe_b64encode(name.encode()).decode().rstrip("=")


def decoded(cursor: str) -> str:
    try:
        return urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except ValueError:
        raise ApiError(400, "Not a cursor of this collection") from None


def bulk_result(done: list[Document], failed: list[Document]) -> Document:
    """Return the answer to a request about several entities."""
    statuses = {(True, False): "success", (False, True): "failure", (True, True): "partialSuccess"}
    return {
        "dryRun": False,
        "status": statuses.get((bool(done), bool(failed)), "success"),
        "numberOfRowsProcessed": len(done) + len(failed),
        "numberOfRowsPassed": len(done),
        "numberOfRowsFailed": len(failed),
        "successRequest": done,
        "failedRequest": failed,
    }
