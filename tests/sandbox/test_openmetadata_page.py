import httpx

from sandbox.server import OpenMetadataServer

MARKUP = "<script>alert('x')</script>"


def public(server: OpenMetadataServer, path: str) -> httpx.Response:
    return httpx.get(f"{server.url}{path}", trust_env=False).raise_for_status()


def test_any_name_is_shown_as_text(api: httpx.Client, openmetadata: OpenMetadataServer, schema: str) -> None:
    column = {"name": MARKUP, "dataType": "INT", "dataTypeDisplay": MARKUP, "description": MARKUP}
    table = {"name": MARKUP, "columns": [column], "databaseSchema": schema, "description": MARKUP}
    api.put("/tables", json=table).raise_for_status()
    api.get(f"/tables/name/{MARKUP}")
    page = public(openmetadata, "/")
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_keys_are_shown_with_the_columns(api: httpx.Client, openmetadata: OpenMetadataServer, schema: str) -> None:
    columns = [{"name": "id", "dataType": "INT", "constraint": "PRIMARY_KEY"}, {"name": "parent_id", "dataType": "INT"}]
    refers = {"constraintType": "FOREIGN_KEY", "columns": ["parent_id"], "referredColumns": [f"{schema}.tree.id"]}
    table = {"name": "tree", "columns": columns, "databaseSchema": schema, "tableConstraints": [refers]}
    api.put("/tables", json=table).raise_for_status()
    page = public(openmetadata, "/").text
    assert ">PK<" in page
    assert "→ tree.id" in page


def test_neither_page_nor_listings_tell_a_secret(
    api: httpx.Client, openmetadata: OpenMetadataServer, service: str
) -> None:
    api.get(f"/services/databaseServices/name/{service}?token={openmetadata.token}").raise_for_status()
    for path in ("/", "/sandbox/summary", "/sandbox/requests"):
        told = public(openmetadata, path).text
        assert service in told
        assert "p4ss" not in told
        assert openmetadata.token not in told


def test_the_summary_counts_and_names_what_is_there(fresh_api: httpx.Client) -> None:
    summary = fresh_api.get(fresh_api.base_url.copy_with(path="/sandbox/summary")).json()
    assert summary["databaseServices"] == 1
    assert summary["fqns"]["databaseServices"] == ["sample_sqlite"]
    assert summary["tables"] == 0
    assert summary["runs"] == {}


def test_requests_are_listed_with_their_outcome_and_unserved_ones_remembered(fresh_api: httpx.Client) -> None:
    fresh_api.get("/tables", params={"limit": 1})
    fresh_api.put("/glossaries", json={})
    listed = fresh_api.get(fresh_api.base_url.copy_with(path="/sandbox/requests")).json()["requests"]
    assert [(each["method"], each["path"], each["status"]) for each in listed] == [
        ("GET", "/api/v1/tables", 200),
        ("PUT", "/api/v1/glossaries", 404),
    ]
    summary = fresh_api.get(fresh_api.base_url.copy_with(path="/sandbox/summary")).json()
    assert summary["unserved"] == ["PUT /api/v1/glossaries"]
