from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

COLUMN = {"name": "id", "dataType": "INT"}
KINDS = ["services/databaseServices", "databases", "databaseSchemas", "tables", "services/ingestionPipelines"]


def put_table(api: httpx.Client, schema: str, name: str = "orders", **fields: Any) -> dict[str, Any]:
    request = {"name": name, "columns": [COLUMN], "databaseSchema": schema} | fields
    table: dict[str, Any] = api.put("/tables", json=request).raise_for_status().json()
    return table


def test_a_table_knows_all_that_is_above_it(api: httpx.Client, service: str, schema: str) -> None:
    table = put_table(api, schema)
    assert table["fullyQualifiedName"] == f"{service}.db.main.orders"
    assert table["databaseSchema"]["fullyQualifiedName"] == schema
    assert table["database"]["fullyQualifiedName"] == f"{service}.db"
    assert table["service"]["fullyQualifiedName"] == service
    assert table["serviceType"] == "Postgres"
    assert table["columns"][0]["fullyQualifiedName"] == f"{service}.db.main.orders.id"


def test_columns_within_columns_have_names_too(api: httpx.Client, schema: str) -> None:
    column = {"name": "a.b", "dataType": "STRUCT", "children": [COLUMN]}
    table = put_table(api, schema, columns=[column])
    assert table["columns"][0]["children"][0]["fullyQualifiedName"] == f'{schema}.orders."a.b".id'


@pytest.mark.parametrize("name", ["with.dot", "with/slash", "with space", "100%25", "ünï", "a?b#c"])
def test_any_name_can_be_looked_up(api: httpx.Client, schema: str, name: str) -> None:
    table = put_table(api, schema, name)
    quoted = f'"{name}"' if "." in name else name
    assert table["fullyQualifiedName"] == f"{schema}.{quoted}"
    assert api.get(f"/tables/name/{quote(table['fullyQualifiedName'], safe='')}").json()["id"] == table["id"]


def test_the_connection_is_answered_in_clear(api: httpx.Client, service: str) -> None:
    found = api.get(f"/services/databaseServices/name/{service}").json()
    assert found["connection"]["config"]["authType"]["password"] == "p4ss"


def test_a_post_of_what_exists_is_refused_and_changes_nothing(api: httpx.Client, schema: str) -> None:
    table = put_table(api, schema)
    answer = api.post("/tables", json={"name": "orders", "columns": [], "databaseSchema": schema})
    assert (answer.status_code, answer.json()["code"]) == (409, 409)
    assert api.get(f"/tables/{table['id']}").json()["columns"] == table["columns"]


def test_the_same_put_again_makes_no_new_version(api: httpx.Client, schema: str) -> None:
    assert put_table(api, schema) == put_table(api, schema)


def test_a_put_takes_away_what_it_no_longer_asks_for(api: httpx.Client, schema: str) -> None:
    key = {"constraintType": "PRIMARY_KEY", "columns": ["id"]}
    assert put_table(api, schema, tableConstraints=[key])["tableConstraints"] == [key]
    table = put_table(api, schema)
    assert "tableConstraints" not in table
    assert table["version"] == 0.2


def test_a_put_leaves_what_people_wrote(api: httpx.Client, schema: str) -> None:
    table = put_table(api, schema)
    tag = {"tagFQN": "PII.Sensitive", "source": "Classification", "labelType": "Manual", "state": "Confirmed"}
    operations = [
        {"op": "add", "path": "/description", "value": "By a person."},
        {"op": "add", "path": "/columns/0/tags", "value": [tag]},
    ]
    api.patch(f"/tables/{table['id']}", json=operations).raise_for_status()
    table = put_table(api, schema, description="By a bot.", columns=[COLUMN, {"name": "more", "dataType": "INT"}])
    assert table["description"] == "By a person."
    assert table["columns"][0]["tags"] == [tag]
    assert len(table["columns"]) == 2


def test_a_bulk_put_may_override_what_people_wrote(api: httpx.Client, schema: str) -> None:
    put_table(api, schema, description="By a person.")
    request = {"name": "orders", "columns": [COLUMN], "databaseSchema": schema, "description": "By a bot."}
    result = api.put("/tables/bulk", params={"overrideMetadata": "true"}, json=[request]).json()
    assert result["status"] == "success"
    assert api.get(f"/tables/name/{schema}.orders").json()["description"] == "By a bot."


def test_a_bulk_put_says_what_failed_and_does_the_rest(api: httpx.Client, schema: str) -> None:
    good = {"name": "good", "columns": [COLUMN], "databaseSchema": schema}
    result = api.put(
        "/tables/bulk", json=[good, {"name": "bad", "columns": [], "databaseSchema": "no.such.schema"}]
    ).json()
    assert result["status"] == "partialSuccess"
    assert [each["request"] for each in result["successRequest"]] == [f"{schema}.good"]
    assert [each["status"] for each in result["failedRequest"]] == [404]


def test_a_put_with_the_same_source_hash_is_skipped(api: httpx.Client, schema: str) -> None:
    put_table(api, schema, sourceHash="1")
    assert put_table(api, schema, sourceHash="1", columns=[])["columns"] != []
    assert put_table(api, schema, sourceHash="2", columns=[])["columns"] == []


def test_a_patch_of_a_stale_version_is_refused(api: httpx.Client, schema: str) -> None:
    path = f"/tables/{put_table(api, schema)['id']}"
    etag = api.get(path).headers["ETag"]
    operations = [{"op": "add", "path": "/displayName", "value": "Orders"}]
    assert api.patch(path, json=operations, headers={"If-Match": etag}).json()["version"] == 0.2
    assert api.patch(path, json=operations, headers={"If-Match": etag}).status_code == 412


def test_a_patch_may_not_make_an_entity_that_is_none(api: httpx.Client, schema: str) -> None:
    path = f"/tables/{put_table(api, schema)['id']}"
    answer = api.patch(path, json=[{"op": "replace", "path": "/columns/0/dataType", "value": "S3CRET"}])
    assert answer.status_code == 400
    assert "columns.0.dataType" in answer.json()["message"]
    assert "S3CRET" not in answer.text
    assert api.get(path).json()["columns"][0]["dataType"] == "INT"


def test_a_deleted_entity_takes_along_what_is_below_and_comes_back_with_it(
    api: httpx.Client, service: str, schema: str
) -> None:
    table = put_table(api, schema)
    database = api.get(f"/databases/name/{service}.db").json()["id"]
    assert api.delete(f"/databases/{database}").status_code == 400
    assert api.delete(f"/databases/{database}", params={"recursive": "true"}).json()["deleted"] is True
    assert api.get(f"/tables/{table['id']}").status_code == 404
    assert api.get(f"/tables/{table['id']}", params={"include": "all"}).json()["deleted"] is True
    api.put("/databases/restore", json={"id": database}).raise_for_status()
    assert api.get(f"/tables/{table['id']}").json()["deleted"] is False


def test_a_put_brings_a_deleted_entity_back(api: httpx.Client, schema: str) -> None:
    table = put_table(api, schema, sourceHash="1")
    api.delete(f"/tables/{table['id']}").raise_for_status()
    assert put_table(api, schema, sourceHash="1")["deleted"] is False


def test_a_hard_deleted_entity_is_gone(api: httpx.Client, service: str, schema: str) -> None:
    table = put_table(api, schema)
    found = api.get(f"/services/databaseServices/name/{service}").json()["id"]
    params = {"recursive": "true", "hardDelete": "true"}
    api.delete(f"/services/databaseServices/{found}", params=params).raise_for_status()
    for path in (f"/services/databaseServices/{found}", f"/tables/{table['id']}"):
        assert api.get(path, params={"include": "all"}).status_code == 404


def test_stale_entities_are_those_of_the_scope_that_were_not_seen(api: httpx.Client, service: str, schema: str) -> None:
    for name in ("kept", "stale"):
        put_table(api, schema, name)
    request = {"scopeFqn": service, "scopeEntityType": "service", "seenFqns": [f"{schema}.kept"], "recursive": True}
    result = api.request("DELETE", "/tables/deleteStale", json=request).json()
    assert [each["request"] for each in result["successRequest"]] == [f"{schema}.stale"]
    assert api.get(f"/tables/name/{schema}.stale").status_code == 404
    assert api.get(f"/tables/name/{schema}.kept").status_code == 200


def test_pages_lead_forward_through_all_and_back(api: httpx.Client, schema: str) -> None:
    for number in range(7):
        put_table(api, schema, f"t{number}")
    names: list[list[str]] = []
    paging: dict[str, Any] = {"after": ""}
    while "after" in paging:
        params = {"databaseSchema": schema, "limit": 3, "after": paging["after"]}
        answer = api.get("/tables", params=params).json()
        paging = answer["paging"]
        assert paging["total"] == 7
        names.append([table["name"] for table in answer["data"]])
    assert names == [["t0", "t1", "t2"], ["t3", "t4", "t5"], ["t6"]]
    back = api.get("/tables", params={"databaseSchema": schema, "limit": 3, "before": paging["before"]}).json()
    assert [table["name"] for table in back["data"]] == names[1]


def test_a_list_holds_what_the_parameters_ask_for(api: httpx.Client, schema: str) -> None:
    kept, gone = (put_table(api, schema, name)["id"] for name in ("kept", "gone"))
    api.delete(f"/tables/{gone}").raise_for_status()

    def ids(**params: str) -> set[str]:
        return {table["id"] for table in api.get("/tables", params={"databaseSchema": schema} | params).json()["data"]}

    assert ids() == {kept}
    assert ids(include="deleted") == {gone}
    assert ids(include="all", tableType="Regular") == {kept, gone}
    assert ids(include="all", tableType="View") == set()
    assert api.get("/tables", params={"databaseSchema": f"{schema}x"}).json()["paging"]["total"] == 0


def test_relations_are_answered_where_they_are_asked_for(api: httpx.Client, schema: str) -> None:
    path = f"/tables/{put_table(api, schema, tableConstraints=[])['id']}"
    assert "tableConstraints" not in api.get(path).json()
    assert api.get(path, params={"fields": "owners,tableConstraints"}).json()["tableConstraints"] == []
    assert api.get(path, params={"fields": "*"}).json()["tableConstraints"] == []
    assert api.get(path, params={"fields": "colour"}).json() == {"code": 400, "message": "Invalid field name colour"}


def test_a_part_of_an_entity_is_written_and_read_on_its_own(api: httpx.Client, schema: str) -> None:
    path = f"/tables/{put_table(api, schema)['id']}"
    data = {"columns": ["id"], "rows": [[1]]}
    assert api.put(f"{path}/sampleData", json=data).json()["sampleData"] == data
    assert api.get(f"{path}/sampleData").json()["sampleData"] == data
    assert "sampleData" not in api.get(path).json()
    assert api.put(f"{path}/colour", json={}).status_code == 404


@pytest.mark.parametrize("collection", KINDS)
def test_what_does_not_exist_is_answered_as_openmetadata_does(api: httpx.Client, collection: str) -> None:
    for path in (f"/{collection}/{uuid4()}", f"/{collection}/name/nothing"):
        answer = api.get(path)
        assert answer.status_code == answer.json()["code"] == 404
        assert "instance for" in answer.json()["message"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/tables", {"name": "x"}, 400),
        ("PUT", "/tables", [], 400),
        ("PUT", "/tables", {"name": "x", "columns": [], "databaseSchema": "s.d.m", "surprise": 1}, 400),
        ("PUT", "/tables", {"name": "x", "columns": [], "databaseSchema": "s.d.m"}, 404),
        ("PUT", "/databases", {"name": "x", "service": "sample_sqlite", "domains": ["none"]}, 404),
        ("PUT", "/services/testConnectionDefinitions", {"name": "x"}, 405),
        ("GET", "/tables?limit=-1", None, 400),
        ("GET", "/tables?after=_w", None, 400),
        ("GET", "/glossaries", None, 404),
        ("PATCH", "/system/version", {}, 404),
    ],
)
def test_a_wrong_request_gets_an_error_in_openmetadatas_shape(
    api: httpx.Client, method: str, path: str, body: Any, status: int
) -> None:
    answer = api.request(method, path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, status)
    assert answer.json()["message"]


def test_an_error_tells_no_value(api: httpx.Client) -> None:
    connection = {"config": {"type": "Postgres", "hostPort": 1, "username": "u", "authType": {"password": ["p4ss"]}}}
    request = {"name": "x", "serviceType": "Postgres", "connection": connection}
    answer = api.put("/services/databaseServices", json=request)
    assert answer.status_code == 400
    assert "p4ss" not in answer.text
