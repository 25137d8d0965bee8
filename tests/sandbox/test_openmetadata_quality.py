from typing import Any

import httpx
import pytest


@pytest.fixture
def table(api: httpx.Client, schema: str) -> str:
    columns = [{"name": "amount", "dataType": "INT"}]
    created = api.put("/tables", json={"name": "t", "columns": columns, "databaseSchema": schema}).json()
    return str(created["fullyQualifiedName"])


def put_case(api: httpx.Client, name: str, link: str, **fields: Any) -> httpx.Response:
    request = {"name": name, "testDefinition": "columnValuesToBeNotNull", "entityLink": link, **fields}
    return api.put("/dataQuality/testCases", json=request)


def test_the_first_test_case_of_a_table_brings_its_own_suite(api: httpx.Client, table: str) -> None:
    of_table = put_case(api, "a", f"<#E::table::{table}>").raise_for_status().json()
    of_column = put_case(api, "b", f"<#E::table::{table}::columns::amount>").raise_for_status().json()
    assert of_table["fullyQualifiedName"] == f"{table}.a"
    assert of_column["fullyQualifiedName"] == f"{table}.amount.b"
    suite = api.get(f"/tables/name/{table}?fields=testSuite").json()["testSuite"]
    assert of_table["testSuite"] == of_column["testSuite"] == suite
    assert suite["fullyQualifiedName"] == f"{table}.testSuite"
    found = api.get("/dataQuality/testCases", params={"testSuiteId": suite["id"]}).json()["data"]
    assert {each["name"] for each in found} == {"a", "b"}
    assert api.get(f"/dataQuality/testSuites/{suite['id']}").json()["basic"] is True


def test_a_test_case_shows_its_last_result_and_lists_all(api: httpx.Client, table: str) -> None:
    put_case(api, "a", f"<#E::table::{table}>").raise_for_status()
    for time, status in ((1000, "Success"), (2000, "Failed")):
        result = {"timestamp": time, "testCaseStatus": status}
        api.post(f"/dataQuality/testCases/testCaseResults/{table}.a", json=result).raise_for_status()
    assert api.get(f"/dataQuality/testCases/name/{table}.a").json()["testCaseStatus"] == "Failed"
    found = api.get(f"/dataQuality/testCases/testCaseResults/{table}.a", params={"endTs": 1500}).json()
    assert [each["testCaseStatus"] for each in found["data"]] == ["Success"]


def test_a_suite_may_be_asked_for_before_it_has_test_cases(api: httpx.Client, table: str) -> None:
    for part in ("executable", "basic"):
        request = {"name": f"{table}.testSuite", "basicEntityReference": table}
        created = api.put(f"/dataQuality/testSuites/{part}", json=request).raise_for_status().json()
        assert created["fullyQualifiedName"] == f"{table}.testSuite"


def test_a_test_case_of_nothing_is_refused(api: httpx.Client, table: str) -> None:
    assert put_case(api, "a", "nothing").status_code == 400
    assert put_case(api, "a", f"<#E::table::{table}.absent>").status_code == 404
