from typing import Any

import httpx
import pytest


@pytest.fixture
def tables(api: httpx.Client, schema: str) -> list[dict[str, Any]]:
    requests = [{"name": name, "columns": [], "databaseSchema": schema} for name in ("a", "b", "c")]
    return [api.put("/tables", json=request).raise_for_status().json() for request in requests]


def connect(api: httpx.Client, from_: dict[str, Any], to: dict[str, Any], **details: Any) -> None:
    ends = {"fromEntity": {"id": from_["id"], "type": "table"}, "toEntity": {"id": to["id"], "type": "table"}}
    api.put("/lineage", json={"edge": ends | {"lineageDetails": details}}).raise_for_status()


def test_lineage_is_seen_from_both_ends(api: httpx.Client, tables: list[dict[str, Any]]) -> None:
    a, b, c = tables
    connect(api, a, b, source="ViewLineage")
    connect(api, b, c)
    graph = api.get(f"/lineage/table/{b['id']}").json()
    assert [edge["fromEntity"] for edge in graph["upstreamEdges"]] == [a["id"]]
    assert [edge["toEntity"] for edge in graph["downstreamEdges"]] == [c["id"]]
    assert {node["name"] for node in graph["nodes"]} == {"a", "c"}
    assert api.get(f"/lineage/table/name/{b['fullyQualifiedName']}").json() == graph


def test_an_edge_is_written_patched_and_read_by_names_or_ids(api: httpx.Client, tables: list[dict[str, Any]]) -> None:
    a, b, _ = tables
    by_name = f"table/name/{a['fullyQualifiedName']}/table/name/{b['fullyQualifiedName']}"
    assert api.get(f"/lineage/getLineageEdge/{by_name}").status_code == 404
    api.put(f"/lineage/{by_name}", json={"sqlQuery": None, "source": "Manual"}).raise_for_status()
    operations = [{"op": "add", "path": "/sqlQuery", "value": "SELECT 1"}]
    api.patch(f"/lineage/table/{a['id']}/table/{b['id']}", json=operations).raise_for_status()
    edge = api.get(f"/lineage/getLineageEdge/{a['id']}/{b['id']}").json()
    assert edge == {"edge": {"source": "Manual", "sqlQuery": "SELECT 1"}}
    assert api.get(f"/lineage/getLineageEdge/{by_name}").json() == edge


def test_edges_are_deleted_one_by_one_or_by_source(api: httpx.Client, tables: list[dict[str, Any]]) -> None:
    a, b, c = tables
    connect(api, a, c, source="Manual")
    connect(api, b, c, source="ViewLineage")
    api.delete(f"/lineage/source/name/table/{c['fullyQualifiedName']}/type/ViewLineage").raise_for_status()
    assert [edge["fromEntity"] for edge in api.get(f"/lineage/table/{c['id']}").json()["upstreamEdges"]] == [a["id"]]
    api.delete(f"/lineage/table/{a['id']}/table/{c['id']}").raise_for_status()
    assert api.delete(f"/lineage/table/{a['id']}/table/{c['id']}").status_code == 404
    assert api.get(f"/lineage/table/{c['id']}").json()["upstreamEdges"] == []


def test_lineage_of_what_does_not_exist_is_refused(api: httpx.Client, tables: list[dict[str, Any]]) -> None:
    end = {"id": "00000000-0000-4000-8000-000000000000", "type": "table"}
    edge = {"fromEntity": end, "toEntity": {"id": tables[0]["id"], "type": "table"}}
    assert api.put("/lineage", json={"edge": edge}).status_code == 404
