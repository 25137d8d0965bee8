"""The sandbox's server deploys to an Airflow as the real one does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest


class Airflow(ThreadingHTTPServer):
    """The calls of a deploy, by the plugin; ``refuses`` are the names of pipelines that are refused."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.deployed: list[dict[str, Any]] = []
        self.refuses: set[str] = set()


class Handler(BaseHTTPRequestHandler):
    server: Airflow

    def do_GET(self) -> None:
        is_csrf = self.path.endswith("csrf-token")
        body: dict[str, str | None] = {"csrf_token": None} if is_csrf else {"version": "2.0.6.0"}
        self.answer(200, body)

    def do_POST(self) -> None:
        document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if document["name"] in self.server.refuses:
            return self.answer(409, {"error": "another pipeline has this DAG id"})
        self.server.deployed.append(document)
        return self.answer(200, {"message": "deployed"})

    def answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def airflow_stand_in(fresh_api: httpx.Client) -> Iterator[Airflow]:
    """An Airflow that the server `fresh_api` deploys to."""
    # The first entity of a kind takes the server some time.
    fresh_api.timeout = httpx.Timeout(60)
    with Airflow() as airflow:
        thread = Thread(target=airflow.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        where = {"url": f"http://127.0.0.1:{airflow.server_address[1]}", "username": "a", "password": "b"}
        base = str(fresh_api.base_url).partition("/api/")[0]
        fresh_api.put(f"{base}/sandbox/pipeline_service", json=where).raise_for_status()
        yield airflow
        airflow.shutdown()
        thread.join()


def made(api: httpx.Client, *names: str) -> list[dict[str, Any]]:
    request: dict[str, Any] = {"name": "db", "serviceType": "Postgres", "connection": {"config": {"type": "Postgres"}}}
    request["connection"]["config"] |= {"hostPort": "db:5432", "username": "u", "database": "db"}
    service = api.put("/services/databaseServices", json=request).raise_for_status().json()
    return [
        api.put(
            "/services/ingestionPipelines",
            json={
                "name": name,
                "service": {"id": service["id"], "type": "databaseService"},
                "pipelineType": "metadata",
                "sourceConfig": {"config": {"type": "DatabaseMetadata"}},
                "airflowConfig": {"scheduleInterval": "0 0 * * *"},
            },
        )
        .raise_for_status()
        .json()
        for name in names
    ]


def test_a_server_deploys_one_and_many_and_lists_them_without_its_connection(
    fresh_api: httpx.Client, airflow_stand_in: Airflow
) -> None:
    one, *many = made(fresh_api, "a", "bad", "c")
    airflow_stand_in.refuses = {"bad"}
    answer = fresh_api.post(f"/services/ingestionPipelines/deploy/{one['id']}").raise_for_status().json()
    answers = fresh_api.post("/services/ingestionPipelines/bulk/deploy", json=[each["id"] for each in many]).json()
    assert [each["code"] for each in [answer, *answers]] == [200, 500, 200]
    assert "another pipeline has this DAG id" in answers[0]["reason"]
    assert [each["name"] for each in airflow_stand_in.deployed] == ["a", "c"]
    assert airflow_stand_in.deployed[0]["openMetadataServerConnection"]["securityConfig"]["jwtToken"]
    assert {tuple(sorted(each)) for each in [answer, *answers]} == {("code", "platform", "reason")}
    listed = fresh_api.get("/services/ingestionPipelines", params={"fields": "owners"}).json()["data"]
    assert {each["name"]: each["deployed"] for each in listed} == {"a": True, "bad": False, "c": True}
    assert not any("openMetadataServerConnection" in each for each in listed)
    # The first deploy is a change of the pipeline, and so makes a version that Airflow does not have.
    assert listed[0]["version"] > airflow_stand_in.deployed[0]["version"]

    # What a deleted service has is not deployed.
    service = one["service"]["id"]
    fresh_api.delete(f"/services/databaseServices/{service}", params={"recursive": True}).raise_for_status()
    assert fresh_api.post(f"/services/ingestionPipelines/deploy/{one['id']}").status_code == 404
    assert len(airflow_stand_in.deployed) == 2
