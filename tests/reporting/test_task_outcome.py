"""What a task reports of its own run, and what it leaves where it can't."""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dag_factory.portable.ingestion.run import PreparedRun, RunOutcome
from dag_factory.portable.openmetadata.outcomes import OUTCOME_XCOM, STOPPED, Report
from dag_factory.reporting import task_outcome
from dag_factory.reporting.task_outcome import TaskOutcome
from tests.statuses import reason_of

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
FQN, RUN = "shop.orders", "run 1"


class Task:
    """Stands for the task instance; keeps what it pushes."""

    def __init__(self, try_number: int = 1, max_tries: int = 0) -> None:
        self.try_number, self.max_tries = try_number, max_tries
        self.left: list[dict[str, Any]] = []

    def xcom_push(self, *, key: str, value: Any) -> None:
        assert key == OUTCOME_XCOM
        self.left.append(value)


class TaskWithoutXComs(Task):
    """A task whose Airflow takes nothing that it pushes."""

    def xcom_push(self, *, key: str, value: Any) -> None:
        raise ZeroDivisionError


class Outcome:
    """A task's outcome, and what comes of it."""

    def __init__(self, connection: dict[str, Any] | None, task: Task | None = None) -> None:
        self.task = task or Task()
        self.by_ingestion: list[Report] = []
        context = cast("Any", {"ti": self.task, "dag_run": SimpleNamespace(start_date=START)})
        self.outcome = TaskOutcome(context, self.ingest)
        self.outcome.run = PreparedRun({"openMetadataServerConnection": connection}, FQN, RUN)

    def ingest(self, report: Report) -> bool:
        self.by_ingestion.append(report)
        return True


def has(server: Any) -> dict[str, Any]:
    return dict(server.statuses[FQN, RUN])


def test_a_failure_arrives_with_its_reason_and_the_true_start_and_is_left_as_reported(server: Any) -> None:
    failing = Outcome(server.connection())
    failing.outcome.failed("connection refused")
    assert has(server)["pipelineState"] == "failed"
    assert reason_of(has(server)) == "connection refused"
    assert has(server)["startDate"] == START.timestamp() * 1000 < has(server)["endDate"]
    assert [(left["state"], left["reason"], left["is_reported"]) for left in failing.task.left] == [
        ("failed", "connection refused", False),
        ("failed", "connection refused", True),
    ]


def test_a_failure_that_airflow_retries_is_not_final_and_says_what_happened(server: Any) -> None:
    failing = Outcome(server.connection(), Task(try_number=1, max_tries=2))
    failing.outcome.failed("connection refused")
    assert has(server)["pipelineState"] == "running"
    assert reason_of(has(server)) == "Try 1 of 3 failed, and Airflow retries it. connection refused"
    assert "endDate" not in has(server)
    assert failing.task.left == []


@pytest.mark.slow
def test_its_report_is_retried_like_a_final_one_since_nobody_reports_it_later(server: Any) -> None:
    server.refuses = 503
    failing = Outcome(server.connection(), Task(try_number=1, max_tries=2))
    failing.outcome.failed("connection refused", retry_seconds=1.5)
    assert len(server.calls) > 1


def test_but_one_that_airflow_does_not_retry_is(server: Any) -> None:
    Outcome(server.connection(), Task(try_number=1, max_tries=2)).outcome.failed("a wrong config", is_final=True)
    assert has(server)["pipelineState"] == "failed"


def test_the_last_try_is_final(server: Any) -> None:
    Outcome(server.connection(), Task(try_number=1, max_tries=1)).outcome.failed("first")
    Outcome(server.connection(), Task(try_number=2, max_tries=1)).outcome.failed("second")
    assert has(server)["pipelineState"] == "failed"
    assert reason_of(has(server)) == "second"


def test_a_task_that_is_stopped_says_so_and_nothing_else_after_it(server: Any) -> None:
    stopping = Outcome(server.connection())
    stopping.outcome.stopped()
    stopping.outcome.failed("the signal broke a call")
    stopping.outcome.succeeded(RunOutcome("success", is_reported=True, summary={}))
    assert reason_of(has(server)) == STOPPED
    assert stopping.task.left == []


def test_a_task_that_is_stopped_and_retried_has_no_final_state(server: Any) -> None:
    Outcome(server.connection(), Task(try_number=1, max_tries=1)).outcome.stopped()
    assert server.calls == []


def test_a_server_that_is_away_is_left_to_the_scheduler_with_the_reason(
    server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    server.refuses = 503
    failing = Outcome(server.connection())
    failing.outcome.failed("connection refused")
    (left,) = failing.task.left
    assert (left["reason"], left["is_reported"], left["try_number"]) == ("connection refused", False, 1)
    assert "Run run 1 can't be reported to OpenMetadata as failed: the OpenMetadata server answers 503" in caplog.text
    assert failing.by_ingestion == []


@pytest.mark.parametrize(
    "connection", [None, {"hostPort": "http://h/api", "securityConfig": {"jwtToken": "secret:/a"}}]
)
def test_what_this_client_can_t_do_is_left_to_openmetadata_ingestion(connection: dict[str, Any] | None) -> None:
    failing = Outcome(connection)
    failing.outcome.failed("why")
    assert [report.reason for report in failing.by_ingestion] == ["why"]
    assert failing.task.left[-1]["is_reported"] is True


@pytest.mark.parametrize("status", [{"pipelineState": "failed", "endDate": "2024-01-01"}, {"pipelineState": ["x"]}])
def test_a_server_whose_status_has_another_shape_gets_the_report(server: Any, status: dict[str, Any]) -> None:
    server.statuses[FQN, RUN] = status
    failing = Outcome(server.connection())
    failing.outcome.failed("why")
    assert reason_of(has(server)) == "why"
    assert failing.task.left[-1]["is_reported"] is True


def test_an_unexpected_error_of_a_report_is_a_report_that_failed(
    server: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise ZeroDivisionError("canary")

    monkeypatch.setattr(task_outcome, "report_run", refuse)
    failing = Outcome(server.connection())
    failing.outcome.failed("why")
    assert [left["is_reported"] for left in failing.task.left] == [False]
    assert "Run run 1 can't be reported to OpenMetadata as failed: ZeroDivisionError" in caplog.text
    assert "canary" not in caplog.text


def test_so_is_one_of_openmetadata_ingestion_s_client(caplog: pytest.LogCaptureFixture) -> None:
    failing = Outcome(None)

    def refuse(report: Report) -> bool:
        raise ZeroDivisionError("canary")

    failing.outcome._by_ingestion = refuse
    failing.outcome.failed("why")
    assert [left["is_reported"] for left in failing.task.left] == [False]
    assert "as failed: ZeroDivisionError" in caplog.text
    assert "canary" not in caplog.text


def test_a_failure_before_the_way_to_the_server_is_known_is_left(server: Any) -> None:
    failing = Outcome(None)
    failing.outcome.run = None
    failing.outcome.failed("the config is gone")
    assert [left["reason"] for left in failing.task.left] == ["the config is gone"]


def test_an_airflow_that_takes_no_xcom_stops_no_report(server: Any, caplog: pytest.LogCaptureFixture) -> None:
    failing = Outcome(server.connection(), TaskWithoutXComs())
    failing.outcome.failed("why")
    assert reason_of(has(server)) == "why"
    assert "could not be left in Airflow's database: ZeroDivisionError" in caplog.text


def test_what_was_reported_before_the_task_began_is_not_about_it(server: Any) -> None:
    known = {"runId": RUN, "pipelineState": "success", "endDate": 1000, "status": [{"name": "Source"}]}
    server.statuses[FQN, RUN] = known
    Outcome(server.connection()).outcome.stopped()
    assert has(server)["pipelineState"] == "failed"
    assert [step["name"] for step in has(server)["status"]] == ["Airflow"]
