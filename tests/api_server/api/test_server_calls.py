"""A client written after the contract drives real Airflow, in the order of an OpenMetadata server."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.client import AirflowApiError, wait_until
from sandbox.pipeline_service import PipelineServiceClient, PipelineServiceError
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack
from tests.e2e.pipelines import TASK, sample
from tests.e2e.runs import wait_for_state
from tests.e2e.servers import calling

pytestmark = [pytest.mark.e2e, pytest.mark.together]


@pytest.fixture(scope="module")
def server(airflow: AirflowStack) -> Iterator[PipelineServiceClient]:
    with calling(airflow) as client:
        yield client


def hanging(name: str, port: int) -> dict[str, Any]:
    """Return a pipeline whose runs begin and then wait."""
    connection = {
        "hostPort": f"http://127.0.0.1:{port}/api",
        "authProvider": "openmetadata",
        "securityConfig": {"jwtToken": "eyJhbGciOiJub25lIn0.e30.sig"},
    }
    return sample(name, openMetadataServerConnection=connection)


def test_a_pipeline_lives_its_life_as_the_server_calls(
    airflow: AirflowStack, openmetadata: OpenMetadataServer, server: PipelineServiceClient, config_store: Path
) -> None:
    assert server.detect() == "/api/v1/openmetadata"
    assert server.call("GET", "health")["status"] == "healthy"
    assert server.call("GET", "ip")["ip"]
    name, dag_id = "whole life", "whole_life"

    assert "is deployed" in server.deploy(sample(name))["message"]
    stored = (config_store / f"{dag_id}.json").stat()
    assert stored.st_mode & 0o777 == 0o600
    run_id = str(uuid.uuid4())
    server.trigger(name, {"pipelineRunId": run_id})
    run = wait_for_state(server, name, run_id, "success", "failed")
    log = server.log(name, TASK)
    assert run["pipelineState"] == "success", log
    assert run["timestamp"] <= run["startDate"] <= run["endDate"]
    assert "Workflow Success %: 100.0" in log
    assert '{"' not in log.splitlines()[0]
    assert "\x1b" not in log
    reported = openmetadata.get("/sandbox/summary")["runs"][f"sample_sqlite.{name}"]
    assert {(each["runId"], each["pipelineState"]) for each in reported} == {(run_id, "success")}

    server.disable(name)
    assert airflow.api("GET", f"/api/v2/dags/{dag_id}")["is_paused"] is True
    second = str(uuid.uuid4())
    assert "starts once it is enabled" in server.trigger(name, {"pipelineRunId": second})["message"]
    # The server has recorded it as queued under its own id, and would show it twice.
    assert [each["pipelineState"] for each in server.status(name) if each["runId"] == second] == ["queued"]
    assert server.status(name, only_queued=True) == []
    server.enable(name)
    assert wait_for_state(server, name, second, "success", "failed")["pipelineState"] == "success"
    assert server.status(name, only_queued=True) == []
    assert "0 runs" in server.kill(name)["message"]

    assert "nothing has changed" in server.deploy(sample(name))["message"]
    server.deploy(sample(name, description="Another one."))

    def versions() -> tuple[bool | None, str]:
        total = airflow.api("GET", f"/api/v2/dags/{dag_id}/dagVersions")["total_entries"]
        return (total == 2 or None), f"{total} versions"

    wait_until(versions, "a second version of the DAG", timeout=60)
    assert airflow.api("GET", f"/api/v2/dags/{dag_id}")["description"] == "Another one."

    server.delete(name)
    with pytest.raises(AirflowApiError, match="404"):
        airflow.api("GET", f"/api/v2/dags/{dag_id}")
    assert not (config_store / f"{dag_id}.json").exists()
    assert "is unknown" in server.delete(name)["message"]
    for call in (server.trigger, server.enable, server.disable, server.kill, server.status):
        with pytest.raises(PipelineServiceError) as refused:
            call(name)
        assert refused.value.status == 404
    assert airflow.import_errors() == {}


def test_the_log_is_there_while_the_task_runs_and_a_kill_ends_what_runs_and_what_is_queued(
    airflow: AirflowStack, server: PipelineServiceClient, dying_port: int
) -> None:
    name = "hangs_to_be_killed"
    server.deploy(hanging(name, dying_port))
    first = str(uuid.uuid4())
    server.trigger(name, {"pipelineRunId": first})
    wait_for_state(server, name, first, "running")
    for _ in range(11):
        server.trigger(name)

    def look() -> tuple[bool | None, str]:
        log = server.log(name, TASK)
        return ("Running config" in log or None), log

    wait_until(look, "the log of a task that runs", timeout=120)
    assert {run["pipelineState"] for run in server.status(name)} == {"queued"}
    assert "Running config" in server.log(name, TASK, run_id=first)
    last = server.status(name)[0]["runId"]
    assert server.log(name, TASK, run_id=last) == "The task has not started yet."
    assert "1 run " in server.kill(name, run_id=last)["message"]
    ended = server.status(name)[0]
    assert (ended["runId"], ended["pipelineState"]) == (last, "failed")
    assert "11 runs " in server.kill(name)["message"]
    assert "0 runs " in server.kill(name)["message"]
    runs = airflow.api("GET", f"/api/v2/dags/{name}/dagRuns")["dag_runs"]
    assert [run["state"] for run in runs] == ["failed"] * 12
    assert "Running config" in server.log(name, TASK)
    server.delete(name)


def test_a_task_that_was_killed_before_it_started_has_a_sentence_in_place_of_a_log(
    airflow: AirflowStack, server: PipelineServiceClient
) -> None:
    name = "waits_to_be_killed"
    with pytest.raises(PipelineServiceError, match=r"'dagFactory\.runner\.pool': is not a pool that Airflow has"):
        server.deploy(sample(name, dagFactory={"runner": {"pool": "unknown"}}))
    # Of a pool without slots the run starts and its task never does.
    airflow.api("POST", "/api/v2/pools", json={"name": "without_slots", "slots": 0})
    server.deploy(sample(name, dagFactory={"runner": {"pool": "without_slots"}}))
    run_id = str(uuid.uuid4())
    server.trigger(name, {"pipelineRunId": run_id})
    wait_for_state(server, name, run_id, "running")
    assert server.log(name, TASK) == "The task has not started yet."
    server.kill(name)
    assert server.log(name, TASK) == "The task was ended before it started, so it has no log."
    server.delete(name)


def test_a_redeploy_pauses_and_unpauses_what_it_switches_and_leaves_what_people_set(
    airflow: AirflowStack, server: PipelineServiceClient
) -> None:
    name = "switched_on_and_off"

    def is_paused() -> bool:
        return bool(airflow.wait_for_dag(name)["is_paused"])

    server.deploy(sample(name))
    # Airflow may not know the DAG yet.
    server.deploy(sample(name, enabled=False))
    wait_until(lambda: (is_paused() or None, "not paused"), "the DAG to be paused", timeout=60)
    server.deploy(sample(name, enabled=True))
    assert not is_paused()
    server.deploy(sample(name, enabled=True, airflowConfig={"pausePipeline": True}))
    assert is_paused()
    airflow.unpause(name)
    server.deploy(sample(name, enabled=True, airflowConfig={"pausePipeline": True}, description="Another one."))
    assert not is_paused()
    server.delete(name)


def test_a_pipeline_that_runs_is_deleted_whole_and_can_be_deployed_anew(
    airflow: AirflowStack, server: PipelineServiceClient, dying_port: int
) -> None:
    name = "hangs_to_be_deleted"
    server.deploy(hanging(name, dying_port))
    run_id = str(uuid.uuid4())
    server.trigger(name, {"pipelineRunId": run_id})
    wait_for_state(server, name, run_id, "running")

    server.delete(name)

    assert airflow.request("GET", f"/api/v2/dags/{name}").status_code == 404
    server.deploy(sample(name))
    again = str(uuid.uuid4())
    server.trigger(name, {"pipelineRunId": again})
    assert [run["runId"] for run in server.status(name)] == [again]
    wait_for_state(server, name, again, "success")
    server.delete(name)


def test_a_pipeline_deployed_and_deleted_again_and_again_is_never_brought_back_by_a_parse(
    airflow: AirflowStack, server: PipelineServiceClient
) -> None:
    name = "now_you_see_me"
    for number in range(5):
        server.deploy(sample(name, description=str(number)))
        if number % 2:
            server.trigger(name)
        server.delete(name)
    other = "stays_beside"
    server.deploy(sample(other))
    airflow.wait_for_dag(other)
    for _ in range(2):
        airflow.parse_again(other)
        assert airflow.request("GET", f"/api/v2/dags/{name}").status_code == 404
    server.delete(other)


def test_a_name_that_cleans_to_the_id_of_another_pipeline_is_refused_with_whom_it_clashes(
    server: PipelineServiceClient,
) -> None:
    server.deploy(sample("same id"))
    with pytest.raises(PipelineServiceError, match=r"belongs to the pipeline 'sample_sqlite\.same id'") as refused:
        server.deploy(sample("same?id"))
    assert refused.value.status == 409

    # The server asks for it all the same, and has it deleted with its service.
    for call in (server.trigger, server.enable, server.disable, server.kill, server.status):
        with pytest.raises(PipelineServiceError, match="belongs to the pipeline 'same id'") as refused:
            call("same?id")
        assert refused.value.status == 404
    assert "is unknown" in server.delete("same?id")["message"]
    assert "is disabled" in server.disable("same id")["message"]
    assert "is deleted" in server.delete("same id")["message"]


def test_a_test_of_a_connection_is_accepted_at_once_and_its_outcome_reaches_the_server(
    openmetadata: OpenMetadataServer, server: PipelineServiceClient
) -> None:
    connection = openmetadata.get("/api/v1/services/databaseServices/name/sample_sqlite")["connection"]
    request = {"connection": connection, "serviceType": "Database", "connectionType": "SQLite"}
    automation = openmetadata.put(
        "/api/v1/automations/workflows",
        {"name": f"test-connection-{uuid.uuid4()}", "workflowType": "TEST_CONNECTION", "request": request},
    )
    login = {
        "hostPort": f"{openmetadata.url}/api",
        "authProvider": "openmetadata",
        "securityConfig": {"jwtToken": openmetadata.token},
    }
    server.run_automation({**automation, "openMetadataServerConnection": login})

    def look() -> tuple[dict[str, Any] | None, str]:
        found = openmetadata.get(f"/api/v1/automations/workflows/{automation['id']}")
        return (found if found["status"] in ("Successful", "Failed") else None), found["status"]

    found = wait_until(look, "the outcome of the automation", timeout=120)
    assert found["response"]["status"] == "Successful"
    steps = found["response"]["steps"]
    assert [step["name"] for step in steps if step["passed"]] == [step["name"] for step in steps] != []
