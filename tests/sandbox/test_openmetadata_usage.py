from typing import Any

import httpx
import pytest


@pytest.fixture
def table(api: httpx.Client, schema: str) -> dict[str, Any]:
    created: dict[str, Any] = api.put("/tables", json={"name": "t", "columns": [], "databaseSchema": schema}).json()
    return created


@pytest.fixture
def query(api: httpx.Client, service: str) -> dict[str, Any]:
    request = {"query": f"SELECT '{service}'", "service": service, "dialect": "postgres"}
    created: dict[str, Any] = api.put("/queries", json=request).raise_for_status().json()
    return created


def test_a_query_is_named_after_its_text_below_its_service(
    api: httpx.Client, service: str, query: dict[str, Any]
) -> None:
    assert query["fullyQualifiedName"] == f"{service}.{query['checksum']}"
    again = {"query": query["query"], "service": service}
    assert api.put("/queries", json=again).json()["id"] == query["id"]
    assert "deleted" not in query


def test_a_query_knows_its_tables_and_users_each_once(
    api: httpx.Client, table: dict[str, Any], query: dict[str, Any]
) -> None:
    name = f"user_{table['id']}"
    api.put("/users", json={"name": name, "email": "u@example.com"}).raise_for_status()
    path = f"/queries/{query['id']}"
    for _ in range(2):
        api.put(f"{path}/usage", json=[{"id": table["id"], "type": "table"}]).raise_for_status()
        api.put(f"{path}/users", json=[name]).raise_for_status()
        api.put(f"{path}/usedBy", json=["cron"]).raise_for_status()
    seen = api.get(path, params={"fields": "users,queryUsedIn"}).json()
    assert [each["id"] for each in seen["queryUsedIn"]] == [table["id"]]
    assert [each["name"] for each in seen["users"]] == [name]
    assert seen["usedBy"] == ["cron"]
    cost = {"timestamp": 1, "queryReference": {"id": query["id"], "type": "query"}, "cost": 0, "count": 2}
    assert api.post("/queryCostRecord", json=cost).json()["queryReference"]["name"] == query["name"]


def test_usage_adds_up_and_each_day_begins_anew(api: httpx.Client, table: dict[str, Any]) -> None:
    for date, count in (("2026-01-01", 2), ("2026-01-01", 3), ("2026-01-02", 4)):
        api.post(f"/usage/table/{table['id']}", json={"date": date, "count": count}).raise_for_status()
    usage = api.get(f"/tables/{table['id']}?fields=usageSummary").json()["usageSummary"]
    assert (usage["dailyStats"]["count"], usage["monthlyStats"]["count"], usage["date"]) == (4, 9, "2026-01-02")
    assert api.post("/usage/compute.percentile/table/2026-01-02").status_code == 200
