from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

import pytest

from dag_factory.errors import StatusError
from dag_factory.portable.openmetadata.outcomes import Report, Reporter
from dag_factory.reporting.run_status_client import StatusClient, report_run

FQN = 'shop."orders daily/1"'


def settle(connection: dict[str, Any], reporter: Reporter = Reporter.SCHEDULER, **fields: Any) -> str:
    return report_run(connection, FQN, "run 1", Report(reporter, "failed", **fields), timeout=2)


def test_a_run_that_is_unknown_to_the_server_is_reported_whole(server: Any) -> None:
    assert settle(server.connection(), reason="timed_out", started=1000, ended=2000) == "failed"
    failure = {"name": "Airflow", "error": "timed_out"}
    assert server.statuses[FQN, "run 1"] == {
        "runId": "run 1",
        "pipelineState": "failed",
        "startDate": 1000,
        "timestamp": 1000,
        "endDate": 2000,
        "status": [{"name": "Airflow", "records": 0, "errors": 1, "failures": [failure]}],
    }
    assert server.headers["Authorization"] == "Bearer the-token"
    assert server.calls == [
        "GET /api/v1/services/ingestionPipelines/shop.%22orders%20daily%2F1%22/pipelineStatus/run%201",
        "PUT /api/v1/services/ingestionPipelines/shop.%22orders%20daily%2F1%22/pipelineStatus",
    ]


def test_what_the_run_itself_has_reported_is_kept_and_the_reason_stands_beside_it(server: Any) -> None:
    said = {"runId": "run 1", "pipelineState": "running", "startDate": 5, "timestamp": 5, "config": {"appConfig": {}}}
    server.statuses[FQN, "run 1"] = {**said, "status": [{"name": "Source", "errors": 3}]}
    before = int(time.time() * 1000)
    settle(server.connection(), reason="killed", started=1000)
    status = server.statuses[FQN, "run 1"]
    assert status.pop("endDate") >= before
    step, ours = status.pop("status")
    assert status == {**said, "pipelineState": "failed"}
    assert step == {"name": "Source", "errors": 3}
    assert ours["failures"] == [{"name": "Airflow", "error": "killed"}]


@pytest.mark.parametrize("known", ["success", "partialSuccess", "failed", "stopped"])
def test_a_final_state_stays(server: Any, known: str) -> None:
    server.statuses[FQN, "run 1"] = {"runId": "run 1", "pipelineState": known}
    assert settle(server.connection()) == known
    assert server.statuses[FQN, "run 1"] == {"runId": "run 1", "pipelineState": known}


@pytest.mark.parametrize(
    ("dates", "state"),
    [
        ({"timestamp": 1, "endDate": 4999}, "failed"),
        ({"timestamp": 4999}, "failed"),
        ({"timestamp": 1, "endDate": 5000}, "success"),
        ({}, "success"),
    ],
)
def test_but_not_that_of_an_earlier_run_under_the_same_id(server: Any, dates: dict[str, int], state: str) -> None:
    server.statuses[FQN, "run 1"] = {"runId": "run 1", "pipelineState": "success", **dates}
    assert settle(server.connection(), since=5000) == state
    assert server.statuses[FQN, "run 1"]["pipelineState"] == state


def test_but_the_task_overrides_it(server: Any) -> None:
    server.statuses[FQN, "run 1"] = {"runId": "run 1", "pipelineState": "success"}
    assert settle(server.connection(), Reporter.TASK) == "failed"
    assert server.statuses[FQN, "run 1"]["pipelineState"] == "failed"


@pytest.mark.parametrize(
    ("status", "passing"), [(401, True), (403, False), (404, False), (429, True), (500, True), (503, True)]
)
def test_a_server_that_refuses(server: Any, status: int, passing: bool) -> None:
    server.refuses = status
    with pytest.raises(StatusError, match=f"answers {status}") as error:
        settle(server.connection())
    assert error.value.passing is passing


def test_a_proxy_that_answers_in_the_server_s_place(server: Any) -> None:
    server.says = b"<html>maintenance</html>"
    with pytest.raises(StatusError, match="answer is not JSON") as error:
        settle(server.connection())
    assert error.value.passing


def test_a_server_that_is_not_there_and_one_that_is_silent() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        connection = {"hostPort": f"http://127.0.0.1:{listener.getsockname()[1]}/api"}
        with pytest.raises(StatusError, match="ConnectError"):
            settle(connection)
        listener.listen()
        with pytest.raises(StatusError, match="ReadTimeout"), StatusClient(connection, timeout=0.1) as client:
            client.get("/status")


def test_a_pipeline_whose_name_fits_no_address_is_not_retried(server: Any) -> None:
    with pytest.raises(StatusError, match="the length of the pipeline's name") as error:
        report_run(server.connection(), "a" * 70_000, "run 1", Report(Reporter.TASK, "failed"))
    assert not error.value.passing


def test_a_proxy_variable_that_httpx_refuses_is_named(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,fd00::/8")
    with pytest.raises(StatusError, match=r"can't be called: InvalidURL.*NO_PROXY") as error:
        settle(server.connection())
    assert not error.value.passing


@pytest.mark.slow
def test_a_report_may_be_retried_for_a_while(server: Any) -> None:
    server.refuses = 503
    with pytest.raises(StatusError):
        report_run(server.connection(), FQN, "run 1", Report(Reporter.TASK, "failed"), retry_seconds=1.5)
    assert len(server.calls) > 1


def test_a_proxy_s_headers_go_along(server: Any) -> None:
    settle(server.connection(extraHeaders={"X-Team": "sales"}))
    assert server.headers["X-Team"] == "sales"


def test_a_token_in_a_file_or_in_a_secrets_manager_is_for_openmetadata_ingestion_alone(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("canary")
    for token in (str(tmp_path / "token"), "secret:/om/bot"):
        with pytest.raises(StatusError, match="only openmetadata-ingestion") as error:
            StatusClient({"hostPort": "http://h/api", "securityConfig": {"jwtToken": token}})
        assert not error.value.passing


@pytest.mark.parametrize(
    "fields",
    [
        {"hostPort": "http://[::1"},
        {"securityConfig": {"jwtToken": "canary\nx"}},
        {"verifySSL": "validate", "sslConfig": {"caCertificate": "/nowhere/canary.pem"}},
        {"verifySSL": "validate", "sslConfig": {"caCertificate": "-----BEGIN CERTIFICATE-----\ncanary"}},
    ],
)
def test_a_connection_that_can_t_be_used_is_refused_without_quoting_it(server: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(StatusError) as error:
        settle(server.connection(**fields))
    assert "canary" not in str(error.value)
