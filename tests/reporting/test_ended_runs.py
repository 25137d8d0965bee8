from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dag_factory.errors import ConfigError, StatusError
from dag_factory.portable.openmetadata.outcomes import Report, Reporter, left_by_task
from dag_factory.portable.openmetadata.run_ids import openmetadata_run_id
from dag_factory.reporting.conclusion import NO_TASK, Evidence
from dag_factory.reporting.ended_runs import (
    CLOCKS_DIFFER_BY,
    SECOND_LOOK_SECONDS,
    TIMEOUTS,
    EndedRun,
    ended_run,
    report_end,
)
from tests.forked_python import ForkedPython
from tests.statuses import reason_of

REPORTED = ("shop.orders", openmetadata_run_id("orders", "manual__1"))
FAILED = Report(Reporter.SCHEDULER, "failed", "timed_out", started=1000, ended=9000, since=1000 + CLOCKS_DIFFER_BY)
RUN = EndedRun("orders", "manual__1", REPORTED[1], "failed", FAILED)
KILLED = Evidence("skipped")
REQUESTED = "0198a7f4-5c1e-7d2b-9f3a-1b2c3d4e5f60"


@pytest.fixture
def config(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write the config of the pipeline `orders`, with another connection to the server where that is given."""
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE", str(tmp_path))

    def write(connection: dict[str, Any] | None = None) -> None:
        document = {
            "name": "orders",
            "pipelineType": "metadata",
            "service": {"type": "databaseService", "name": "shop"},
            "sourceConfig": {"config": {"password": {"$env": "OPENMETADATA_ONLY_IN_WORKER"}}},
            "openMetadataServerConnection": server.connection() if connection is None else connection,
        }
        (tmp_path / "orders.json").write_text(json.dumps(document))

    return write


def succeeded(reporter: Reporter = Reporter.SCHEDULER) -> EndedRun:
    return replace(RUN, state="success", report=replace(FAILED, reporter=reporter, state="success", reason="success"))


def left(state: str, *, reported: bool = False) -> Evidence:
    return Evidence("success", left_by_task(state, 1, is_reported=reported))


def test_a_failed_run_is_reported_under_the_contract_s_id_and_once_more_against_a_dying_task(
    server: Any, config: Any
) -> None:
    config()
    following = report_end(RUN, KILLED)
    assert following is not None
    seconds, second = following
    assert seconds == SECOND_LOOK_SECONDS
    assert second.report.is_second_look
    assert "dagrun_timeout" in reason_of(server.statuses[REPORTED])
    server.statuses[REPORTED]["pipelineState"] = "success"
    assert report_end(second, None) is None
    assert server.statuses[REPORTED]["pipelineState"] == "failed"
    assert "dagrun_timeout" in reason_of(server.statuses[REPORTED])


def test_a_success_that_the_run_reported_before_it_failed_in_airflow_stays(server: Any, config: Any) -> None:
    config()
    server.statuses[REPORTED] = {"runId": REPORTED[1], "pipelineState": "success"}
    assert report_end(RUN, KILLED) is None
    assert server.statuses[REPORTED]["pipelineState"] == "success"


def test_under_the_id_that_the_server_asked_for(server: Any, config: Any) -> None:
    config()
    report_end(replace(RUN, reported_as=REQUESTED), KILLED)
    assert list(server.statuses) == [("shop.orders", REQUESTED)]


@pytest.mark.parametrize("own", ["success", "partialSuccess", "failed"])
@pytest.mark.parametrize("known", [None, "running"])
def test_a_run_that_its_task_could_not_report_is_reported_as_its_workflow_ended(
    server: Any, config: Any, own: str, known: str | None
) -> None:
    config()
    if known:
        server.statuses[REPORTED] = {"runId": REPORTED[1], "pipelineState": known}
    assert report_end(succeeded(), left(own)) is None
    assert server.statuses[REPORTED]["pipelineState"] == own


def test_the_reason_that_a_task_has_left_is_the_one_that_arrives(server: Any, config: Any) -> None:
    config()
    evidence = Evidence("failed", left_by_task("failed", 1, reason="refused", is_reported=False, task_failed=True))
    assert report_end(replace(RUN, report=replace(FAILED, reason="task_failure")), evidence) is None
    assert reason_of(server.statuses[REPORTED]) == "refused"
    assert server.statuses[REPORTED]["startDate"] < server.statuses[REPORTED]["endDate"]


def test_what_its_task_has_reported_costs_no_call(server: Any, config: Any) -> None:
    assert report_end(succeeded(), left("success", reported=True)) is None
    assert server.calls == []


def test_what_its_task_has_reported_stays(server: Any, config: Any) -> None:
    config()
    server.statuses[REPORTED] = {"runId": REPORTED[1], "pipelineState": "partialSuccess"}
    assert report_end(succeeded(), left("success")) is None
    assert server.statuses[REPORTED]["pipelineState"] == "partialSuccess"


@pytest.mark.parametrize("reporter", [Reporter.USER, Reporter.SCHEDULER], ids=["the run", "the task"])
def test_a_user_s_success_is_reported_and_once_more_against_a_dying_task(
    server: Any, config: Any, reporter: Reporter
) -> None:
    config()
    run: EndedRun | None = succeeded(reporter)
    for evidence in (Evidence("success"), None):
        server.statuses[REPORTED] = {"runId": REPORTED[1], "pipelineState": "failed"}
        assert run is not None
        following = report_end(run, evidence)
        run = following[1] if following else None
        assert server.statuses[REPORTED]["pipelineState"] == "success"
    assert run is None


@pytest.mark.parametrize("known", [None, "queued", "running"])
def test_a_success_without_a_task_is_none(server: Any, config: Any, known: str | None) -> None:
    config()
    if known:
        server.statuses[REPORTED] = {"runId": REPORTED[1], "pipelineState": known}
    report_end(succeeded(), Evidence(None))
    assert server.statuses[REPORTED]["pipelineState"] == "failed"
    assert reason_of(server.statuses[REPORTED]) == NO_TASK


def test_a_success_from_before_a_run_was_cleared_is_none_of_it(server: Any, config: Any) -> None:
    config()
    known = {"runId": REPORTED[1], "pipelineState": "success"}
    server.statuses[REPORTED] = {**known, "endDate": 1000 + CLOCKS_DIFFER_BY}
    report_end(RUN, KILLED)
    assert server.statuses[REPORTED]["pipelineState"] == "success"
    server.statuses[REPORTED] = {**known, "endDate": 999 + CLOCKS_DIFFER_BY}
    report_end(RUN, KILLED)
    assert server.statuses[REPORTED]["pipelineState"] == "failed"


def test_ten_thousand_failures_in_an_hour_cost_the_server_two_calls_each_and_two_for_a_second_look(
    server: Any, config: Any
) -> None:
    config()
    following = report_end(RUN, KILLED)
    assert [call.partition(" ")[0] for call in server.calls] == ["GET", "PUT"]
    assert following is not None
    report_end(following[1], None)
    assert [call.partition(" ")[0] for call in server.calls] == ["GET", "PUT", "GET"]


def test_a_server_that_is_slow_gets_more_time_at_each_try(server: Any, config: Any) -> None:
    assert sorted(set(TIMEOUTS)) == list(TIMEOUTS)
    config()
    server.waits = 0.3
    with pytest.raises(StatusError, match="ReadTimeout"):
        report_end(RUN, KILLED, timeouts=(0.1, 30.0))
    report_end(RUN, KILLED, 1, timeouts=(0.1, 30.0))
    report_end(RUN, KILLED, 7, timeouts=(0.1, 30.0))
    assert server.statuses[REPORTED]["pipelineState"] == "failed"


def test_a_pipeline_whose_config_is_gone_concerns_nobody_any_more(server: Any, config: Any, tmp_path: Path) -> None:
    (tmp_path / "defaults.yaml").touch()
    assert report_end(RUN, KILLED) is None
    assert server.calls == []


def test_a_store_that_is_away_may_come_back_so_the_report_is_retried(
    server: Any, config: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for store, problem in ((tmp_path, "Is it mounted here"), (tmp_path / "missing", "is not a folder")):
        monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE", str(store))
        with pytest.raises(StatusError, match=problem) as error:
            report_end(RUN, KILLED)
        assert error.value.passing
    assert server.calls == []


@pytest.mark.slow
def test_a_pipeline_that_is_gone_costs_no_look_into_the_configs_of_others(
    server: Any, config: Any, tmp_path: Path, forked_python: ForkedPython
) -> None:
    config()
    script = """
import os, sys, time
from dag_factory.portable.openmetadata.outcomes import Report, Reporter
from dag_factory.reporting.conclusion import Evidence
from dag_factory.reporting.ended_runs import EndedRun, report_end

opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
run = EndedRun("gone", "manual__1", "", "failed", Report(Reporter.USER, "failed", "", started=1, ended=2))
# A file that has just changed is read again: its time may not tell the next change.
for _ in range(60):
    opened.clear()
    assert report_end(run, Evidence("skipped")) is None
    if not any(path.endswith("orders.json") for path in opened):
        break
    time.sleep(0.2)
else:
    sys.exit("opened each time")
"""
    done = forked_python.run(script, env={**os.environ, "AIRFLOW_HOME": str(tmp_path / ".home")})
    assert done.returncode == 0, done.stderr


def test_what_only_the_worker_has_is_named_with_a_way_out(server: Any, config: Any) -> None:
    config({**server.connection(), "securityConfig": {"jwtToken": {"$env": "OPENMETADATA_ONLY_IN_WORKER"}}})
    with pytest.raises(ConfigError, match=r"'OPENMETADATA_ONLY_IN_WORKER'.*openmetadata_conn_id") as error:
        report_end(RUN, KILLED)
    assert error.value.config == "orders.json"
    assert report_end(succeeded(), left("success", reported=True)) is None


def test_airflow_s_masker_does_not_gather_the_secrets_of_all_pipelines(
    server: Any, config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    masked: list[object] = []
    monkeypatch.setattr("airflow.sdk.log.mask_secret", lambda secret, name=None: masked.append(secret))
    monkeypatch.setenv("OPENMETADATA_TOKEN", "eyJ-of-a-variable")
    headers = {f"X-Token-{number}": f"canary-{number}" for number in range(9)}
    token = {"jwtToken": {"$env": "OPENMETADATA_TOKEN"}}
    config(server.connection(securityConfig=token, extraHeaders=headers))
    report_end(RUN, KILLED)
    assert server.headers["Authorization"] == "Bearer eyJ-of-a-variable"
    assert masked == []


@pytest.mark.parametrize("refuses", [None, 503, 401])
def test_no_secret_of_a_connection_is_logged_or_in_an_error(
    server: Any, config: Any, caplog: pytest.LogCaptureFixture, refuses: int | None
) -> None:
    caplog.set_level("DEBUG", "dag_factory")
    server.refuses, server.says = refuses, b'{"pipelineState": "canary"}'
    config(server.connection(securityConfig={"jwtToken": "canary"}, extraHeaders={"X-Token": "canary"}))
    try:
        report_end(RUN, KILLED)
    except StatusError as error:
        assert "canary" not in str(error)
    else:
        assert "reported to OpenMetadata, which has it as failed" in caplog.text
    assert "canary" not in caplog.text


def test_a_connection_that_a_secrets_backend_does_not_find_now_leaves_the_report_to_be_retried(
    server: Any, config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__ALLOWED_CONNECTIONS", "away")
    token = {"$connection": "away", "field": "password"}
    config({**server.connection(), "securityConfig": {"jwtToken": token}})
    with pytest.raises(
        StatusError, match=r"config 'orders.json', field .*'away', .* whether its secrets backend answers"
    ) as error:
        report_end(RUN, KILLED)
    assert error.value.passing


def test_a_connection_of_airflow_serves_all_pipelines(
    server: Any, config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    config({})
    fields = {"conn_type": "http", "host": server.host_port, "password": "rotated"}
    monkeypatch.setenv("AIRFLOW_CONN_OM", json.dumps(fields))
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__OPENMETADATA_CONN_ID", "om")
    report_end(RUN, KILLED)
    assert server.headers["Authorization"] == "Bearer rotated"
    assert server.statuses[REPORTED]["pipelineState"] == "failed"


def test_a_server_that_is_away_is_an_error_that_passes(server: Any, config: Any) -> None:
    config()
    server.refuses = 503
    with pytest.raises(StatusError) as error:
        report_end(succeeded(), left("success"))
    assert error.value.passing


def test_a_run_that_was_cleared_while_it_ran_has_begun_again_then() -> None:
    first, cleared = (datetime(2026, 1, day, tzinfo=timezone.utc) for day in (1, 2))
    row = SimpleNamespace(dag_id="orders", run_id="r", conf=None, queued_at=cleared, start_date=first, end_date=None)
    assert ended_run(row, "failed", "why").report.started == int(cleared.timestamp() * 1000)


@pytest.mark.parametrize(
    ("conf", "reported_as"),
    [({"pipelineRunId": REQUESTED}, REQUESTED), (None, openmetadata_run_id("orders", "r"))],
    ids=["requested", "own"],
)
@pytest.mark.parametrize(
    ("message", "reporter"),
    [
        ("task_failure", Reporter.SCHEDULER),
        ("timed_out", Reporter.SCHEDULER),
        ("Dag Run's state was manually set to `failed`.", Reporter.USER),
        (None, Reporter.SEARCH),
    ],
)
def test_a_run_is_what_airflow_s_database_says(
    conf: object, reported_as: str, message: str | None, reporter: Reporter
) -> None:
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc)
    row = SimpleNamespace(dag_id="orders", run_id="r", conf=conf, queued_at=moment, start_date=None, end_date=moment)
    at = int(moment.timestamp() * 1000)
    report = Report(reporter, "failed", message or "", started=at, ended=at, since=at + CLOCKS_DIFFER_BY)
    assert ended_run(row, "failed", message) == EndedRun("orders", "r", reported_as, "failed", report)
