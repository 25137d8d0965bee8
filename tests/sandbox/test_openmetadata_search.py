import json
from typing import Any

import httpx
import pytest

from sandbox.openmetadata.errors import ApiError
from sandbox.openmetadata.search import holds

VIEW = {
    "id": "1",
    "name": "totals",
    "fullyQualifiedName": "s.d.m.totals",
    "tableType": "View",
    "deleted": False,
    "service": {"name": "s"},
    "columns": [{"name": "a"}, {"name": "b"}],
}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"term": {"service.name.keyword": "s"}}, True),
        ({"term": {"tableType": {"value": "Regular"}}}, False),
        ({"term": {"deleted": False}}, True),
        ({"term": {"columns.name": "b"}}, True),
        ({"terms": {"tableType": ["Regular", "View"]}}, True),
        ({"exists": {"field": "schemaDefinition"}}, False),
        ({"ids": {"values": ["1"]}}, True),
        ({"wildcard": {"fullyQualifiedName": "s.*.totals"}}, True),
        ({"query_string": {"query": "tot AND deleted:x"}}, False),
        ({"bool": {"must": [{"match_all": {}}], "must_not": [{"term": {"name": "totals"}}]}}, False),
        ({"bool": {"should": [{"term": {"name": "x"}}, {"term": {"name": "totals"}}]}}, True),
        ({"bool": {"should": [{"term": {"name": "x"}}]}}, False),
        ({"bool": {"filter": {"term": {"name": "totals"}}, "should": [{"term": {"name": "x"}}]}}, True),
    ],
)
def test_a_condition_holds_or_not(condition: dict[str, Any], expected: bool) -> None:
    assert holds(condition, VIEW) is expected


def test_an_unknown_condition_is_refused_and_not_taken_for_false() -> None:
    with pytest.raises(ApiError, match="percolate"):
        holds({"percolate": {}}, VIEW)


def test_services_are_found_without_their_connection(api: httpx.Client, service: str) -> None:
    found = api.get("/search/query", params={"q": service, "index": "database_service_search_index"}).json()
    assert [hit["_source"]["fullyQualifiedName"] for hit in found["hits"]["hits"]] == [service]
    assert "p4ss" not in json.dumps(found)


def test_search_pages_follow_each_other(api: httpx.Client, schema: str) -> None:
    for number in range(5):
        table = {"name": f"t{number}", "columns": [], "databaseSchema": schema}
        api.put("/tables", json=table).raise_for_status()
    names: list[str] = []
    after: list[str] = []
    while True:
        query = {"query": {"term": {"databaseSchema.fullyQualifiedName": schema}}}
        params: dict[str, Any] = {
            "index": "table_search_index",
            "size": 2,
            "query_filter": json.dumps(query),
            "search_after": after,
        }
        page = api.get("/search/query", params=params).json()["hits"]
        assert page["total"]["value"] == 5
        if not page["hits"]:
            break
        names += [hit["_source"]["name"] for hit in page["hits"]]
        after = page["hits"][-1]["sort"]
    assert names == ["t4", "t3", "t2", "t1", "t0"]


def test_a_deleted_table_is_found_only_where_deleted_ones_are_asked_for(api: httpx.Client, schema: str) -> None:
    table = api.put("/tables", json={"name": "t", "columns": [], "databaseSchema": schema}).json()
    api.delete(f"/tables/{table['id']}").raise_for_status()

    def found(**params: str) -> int:
        field = {"fieldName": "fullyQualifiedName", "fieldValue": f"{schema}.*", "index": "table_search_index"}
        count: int = api.get("/search/fieldQuery", params=field | params).json()["hits"]["total"]["value"]
        return count

    assert (found(), found(deleted="false"), found(deleted="true")) == (1, 0, 1)
