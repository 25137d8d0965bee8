from typing import Any

import httpx
import pytest


@pytest.fixture
def table(api: httpx.Client, schema: str) -> dict[str, Any]:
    columns = [{"name": name, "dataType": "INT"} for name in ("a", "b.c")]
    request = {"name": "t", "columns": columns, "databaseSchema": schema}
    created: dict[str, Any] = api.put("/tables", json=request).raise_for_status().json()
    return created


def profile(api: httpx.Client, table: dict[str, Any], time: int, rows: int) -> httpx.Response:
    columns = [{"name": name, "timestamp": time, "valuesCount": rows} for name in ("a", "b.c")]
    request = {"tableProfile": {"timestamp": time, "rowCount": rows}, "columnProfile": columns}
    return api.put(f"/tables/{table['id']}/tableProfile", json=request)


def test_a_table_shows_its_last_profile_and_those_of_its_columns(api: httpx.Client, table: dict[str, Any]) -> None:
    profile(api, table, 1000, 5).raise_for_status()
    profile(api, table, 2000, 7).raise_for_status()
    seen = api.get(f"/tables/{table['fullyQualifiedName']}/tableProfile/latest").json()
    assert seen["profile"] == {"timestamp": 2000, "rowCount": 7}
    assert [column["profile"]["valuesCount"] for column in seen["columns"]] == [7, 7]


def test_profiles_are_listed_by_time_and_one_of_the_same_time_replaces(
    api: httpx.Client, table: dict[str, Any]
) -> None:
    for time, rows in ((1000, 5), (2000, 6), (2000, 7)):
        profile(api, table, time, rows).raise_for_status()
    fqn = table["fullyQualifiedName"]
    found = api.get(f"/tables/{fqn}/tableProfile").json()["data"]
    assert [(each["timestamp"], each["rowCount"]) for each in found] == [(1000, 5), (2000, 7)]
    found = api.get(f'/tables/{fqn}."b.c"/columnProfile', params={"startTs": 1500, "endTs": 2500}).json()["data"]
    assert [each["valuesCount"] for each in found] == [7]


def test_what_is_no_profile_is_refused(api: httpx.Client, table: dict[str, Any]) -> None:
    assert api.put(f"/tables/{table['id']}/tableProfile", json={"tableProfile": {"rowCount": 1}}).status_code == 400
