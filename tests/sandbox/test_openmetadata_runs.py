import base64
import gzip
from typing import Any
from uuid import uuid4

import httpx
import pytest


@pytest.fixture
def pipeline(api: httpx.Client, service: str) -> str:
    owner = api.get(f"/services/databaseServices/name/{service}").json()["id"]
    request = {
        "name": "my.pipeline",
        "service": {"id": owner, "type": "databaseService"},
        "pipelineType": "metadata",
        "sourceConfig": {"config": {"type": "DatabaseMetadata"}},
        "airflowConfig": {},
    }
    created = api.post("/services/ingestionPipelines", json=request).raise_for_status().json()
    assert created["fullyQualifiedName"] == f'{service}."my.pipeline"'
    return f"/services/ingestionPipelines/{created['fullyQualifiedName']}"


def report(api: httpx.Client, pipeline: str, run_id: str, state: str, time: int) -> None:
    status: dict[str, Any] = {"runId": run_id, "pipelineState": state, "startDate": time, "timestamp": time}
    api.put(f"{pipeline}/pipelineStatus", json=status).raise_for_status()


def test_a_run_that_never_reported_has_an_empty_status(api: httpx.Client, pipeline: str) -> None:
    answer = api.get(f"{pipeline}/pipelineStatus/{uuid4()}")
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_run_has_the_status_that_it_reported_last(api: httpx.Client, pipeline: str) -> None:
    run_id = str(uuid4())
    report(api, pipeline, run_id, "running", 1000)
    report(api, pipeline, run_id, "success", 1000)
    assert api.get(f"{pipeline}/pipelineStatus/{run_id}").json()["pipelineState"] == "success"
    assert api.get(f"{pipeline}/pipelineStatus").json()["paging"]["total"] == 1


def test_the_statuses_of_a_run_that_later_ones_replaced_can_be_looked_up(api: httpx.Client, pipeline: str) -> None:
    run_id = str(uuid4())
    for state in ("running", "failed", "success"):
        report(api, pipeline, run_id, state, 1000)
    path = api.base_url.copy_with(path=f"/sandbox/statuses/{run_id}")
    assert [status["pipelineState"] for status in api.get(path).json()] == ["running", "failed", "success"]


def test_runs_come_newest_first_and_can_be_limited_to_a_time(api: httpx.Client, pipeline: str) -> None:
    for run_id, time in (("1", 1000), ("3", 3000), ("2", 2000)):
        report(api, pipeline, run_id, "success", time)

    def run_ids(**params: int) -> list[str]:
        return [status["runId"] for status in api.get(f"{pipeline}/pipelineStatus", params=params).json()["data"]]

    assert run_ids() == ["3", "2", "1"]
    assert run_ids(startTs=1500, endTs=2500) == ["2"]


def test_a_pipeline_tells_its_runs_where_asked(api: httpx.Client, pipeline: str) -> None:
    report(api, pipeline, "1", "failed", 1000)
    path = pipeline.replace("ingestionPipelines/", "ingestionPipelines/name/")
    assert "pipelineStatuses" not in api.get(path).json()
    found = api.get(path, params={"fields": "pipelineStatuses"}).json()
    assert [status["pipelineState"] for status in found["pipelineStatuses"]] == ["failed"]


@pytest.mark.parametrize(("status", "code"), [({"pipelineState": "flying"}, 400), ({"colour": 1}, 400)])
def test_a_status_that_is_none_is_refused(api: httpx.Client, pipeline: str, status: dict[str, Any], code: int) -> None:
    assert api.put(f"{pipeline}/pipelineStatus", json=status).status_code == code


def test_a_status_of_an_unknown_pipeline_is_refused(api: httpx.Client) -> None:
    answer = api.put("/services/ingestionPipelines/no.such/pipelineStatus", json={"runId": "1"})
    assert answer.status_code == 404


def test_progress_can_be_read_back(api: httpx.Client, pipeline: str) -> None:
    path = pipeline.replace("ingestionPipelines/", "ingestionPipelines/progress/") + "/1"
    assert api.get(path).status_code == 204
    update = {"runId": "1", "timestamp": 1000, "updateType": "PROCESSING"}
    api.put(path, json=update).raise_for_status()
    assert api.get(path).json() == update


def test_a_log_is_kept_however_it_was_sent(api: httpx.Client, pipeline: str) -> None:
    path = pipeline.replace("ingestionPipelines/", "ingestionPipelines/logs/") + "/1"
    api.post(path, json={"logs": "first"}).raise_for_status()
    zipped = base64.b64encode(gzip.compress(b"second")).decode()
    api.post(path, json={"logs": zipped, "compressed": True}).raise_for_status()
    api.post(f"{path}/close", json={}).raise_for_status()
    assert api.get(path).json()["logs"] == "first\nsecond"
