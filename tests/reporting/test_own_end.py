from __future__ import annotations

from typing import Any

import pytest

from dag_factory.reporting.own_end import tell_failed
from dag_factory.workflow.run import Job


def job(connection: dict[str, Any] | None) -> Job:
    return Job({"openMetadataServerConnection": connection}, "shop.orders", "run 1")


def test_a_task_tells_that_its_run_failed(server: Any) -> None:
    assert tell_failed(job(server.connection()), "it was killed")
    assert server.statuses["shop.orders", "run 1"]["pipelineState"] == "failed"


def test_a_server_that_is_away_is_left_to_the_scheduler(server: Any, caplog: pytest.LogCaptureFixture) -> None:
    server.refuses = 503
    assert tell_failed(job(server.connection()), "it was killed")
    assert "can't be told that run run 1 failed: the OpenMetadata server answers 503" in caplog.text


@pytest.mark.parametrize(
    "connection", [None, {"hostPort": "http://h/api", "securityConfig": {"jwtToken": "secret:/a"}}]
)
def test_what_this_client_can_t_do_is_left_to_openmetadata_ingestion(connection: dict[str, Any] | None) -> None:
    assert not tell_failed(job(connection), "it was killed")


def test_what_was_told_of_the_run_before_the_task_began_is_not_about_it(server: Any) -> None:
    known = {"runId": "run 1", "pipelineState": "success", "endDate": 1000}
    server.statuses["shop.orders", "run 1"] = known
    tell_failed(job(server.connection()), "it was killed", since=1000)
    assert server.statuses["shop.orders", "run 1"] == known
    tell_failed(job(server.connection()), "it was killed", since=1001)
    assert server.statuses["shop.orders", "run 1"]["pipelineState"] == "failed"
