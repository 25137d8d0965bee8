"""Search over the entities in memory: the part of Elasticsearch's query language that openmetadata-ingestion speaks."""

import json
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from sandbox.openmetadata.collection import Collection, Document
from sandbox.openmetadata.errors import ApiError
from sandbox.openmetadata.store import Store

SECRET_FIELDS = {"connection", "openMetadataServerConnection"}

Hit = tuple[str, Document]
"""An entity that was found, after the name of its index."""


class Search(BaseModel):
    """What to search, and which page of it to return."""

    model_config = ConfigDict(populate_by_name=True)

    q: str = ""
    query_filter: str = ""
    index: str = "all"
    deleted: bool | None = None
    start: Annotated[int, Field(alias="from")] = 0
    size: int = 10
    sort_field: str = "fullyQualifiedName"
    sort_order: str = "desc"
    search_after: list[str] = []


class FieldSearch(Search):
    """A search for the entities with a value in a field; the value may be a pattern."""

    field: Annotated[str, Field(alias="fieldName")]
    value: Annotated[str, Field(alias="fieldValue")]


def routes(store: Store) -> APIRouter:
    """Return the search routes."""
    router = APIRouter(prefix="/search")
    indexes = {index(collection): collection for collection in store.collections.values()}

    def entities(asked: Search) -> list[Hit]:
        return [
            (name, {**{k: v for k, v in entity.items() if k not in SECRET_FIELDS}, "entityType": collection.kind})
            for name, collection in indexes.items()
            if asked.index in (name, collection.kind, "all", "dataAsset")
            for entity in store.all(collection.kind)
            if asked.deleted is None or entity["deleted"] == asked.deleted
        ]

    @router.get("/query")
    async def query(asked: Annotated[Search, Query()]) -> Document:
        condition = parsed(asked.query_filter)
        return hits([hit for hit in entities(asked) if says(hit[1], asked.q) and holds(condition, hit[1])], asked)

    @router.get("/fieldQuery")
    async def field_query(asked: Annotated[FieldSearch, Query()]) -> Document:
        return hits([hit for hit in entities(asked) if equals(hit[1], asked.field, asked.value)], asked)

    return router


def index(collection: Collection) -> str:
    """Return the name of a collection's search index."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", collection.kind).lower() + "_search_index"


def hits(found: list[Hit], asked: Search) -> Document:
    """Return the wanted page of what was found, in Elasticsearch's form."""
    descending = asked.sort_order == "desc"
    rows = [(sort_value(entity, asked.sort_field), name, entity) for name, entity in found]
    rows.sort(key=lambda row: row[0], reverse=descending)
    if asked.search_after:
        last = asked.search_after[0]
        rows = [row for row in rows if (row[0] < last if descending else row[0] > last)]
    return {
        "took": 1,
        "timed_out": False,
        "hits": {
            "total": {"relation": "eq", "value": len(found)},
            "hits": [
                {"_index": name, "_id": entity["id"], "_score": 1.0, "_source": entity, "sort": [value]}
                for value, name, entity in rows[asked.start : asked.start + asked.size]
            ],
        },
    }


def sort_value(document: Document, field: str) -> str:
    return str(next(values(document, field), ""))


def parsed(query_filter: str) -> Document:
    if not query_filter:
        return {"match_all": {}}
    try:
        condition: Document = json.loads(query_filter)["query"]
    except (ValueError, KeyError, TypeError):
        raise ApiError(400, "query_filter is not a JSON object with a query") from None
    return condition


def says(document: Document, q: str) -> bool:
    """Return whether an entity matches ``q``: words of its name, or field:value."""
    for word in q.replace(" AND ", " ").split():
        field, colon, value = word.partition(":")
        if word != "*" and not (equals(document, field, value) if colon else named(document, word)):
            return False
    return True


def named(document: Document, word: str) -> bool:
    names = (document["fullyQualifiedName"], document["name"], document.get("displayName") or "")
    return any(word.strip('*"').lower() in name.lower() for name in names)


def values(document: Any, field: str) -> Iterator[Any]:
    """Return the values at a dotted path, one for each element where the path leads through a list."""
    places = [document]
    for step in field.removesuffix(".keyword").split("."):
        found = [place.get(step) for place in places if isinstance(place, dict)]
        places = [value for each in found for value in (each if isinstance(each, list) else [each])]
    return (place for place in places if place is not None)


def equals(document: Document, field: str, pattern: Any) -> bool:
    pattern = pattern.get("value") if isinstance(pattern, dict) else pattern
    return any(
        fnmatchcase(value, pattern) if isinstance(value, str) and isinstance(pattern, str) else value == pattern
        for value in values(document, field)
    )


def holds(condition: Document, document: Document) -> bool:
    """Return whether an entity meets a condition of the query language; raise ApiError at one that isn't known."""
    ((name, body),) = condition.items()
    if name not in CONDITIONS:
        raise ApiError(400, f"The sandbox doesn't know the search condition {name}")
    return CONDITIONS[name](body, document)


def holds_bool(body: Document, document: Document) -> bool:
    def clauses(name: str) -> list[bool]:
        conditions = body.get(name, [])
        return [holds(each, document) for each in (conditions if isinstance(conditions, list) else [conditions])]

    required = clauses("must") + clauses("filter")
    optional = clauses("should")
    needs_one = bool(optional) and (not required or body.get("minimum_should_match"))
    return all(required) and not any(clauses("must_not")) and (any(optional) or not needs_one)


def holds_term(body: Document, document: Document) -> bool:
    return all(equals(document, field, wanted) for field, wanted in body.items())


CONDITIONS: dict[str, Callable[[Document, Document], bool]] = {
    "bool": holds_bool,
    "exists": lambda body, document: any(True for _ in values(document, body["field"])),
    "ids": lambda body, document: document["id"] in body["values"],
    "match": holds_term,
    "match_all": lambda body, document: True,
    "match_phrase": holds_term,
    "query_string": lambda body, document: says(document, body["query"]),
    "term": holds_term,
    "terms": lambda body, document: all(
        any(equals(document, field, each) for each in wanted) for field, wanted in body.items()
    ),
    "wildcard": holds_term,
}
