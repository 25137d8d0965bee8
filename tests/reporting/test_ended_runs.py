from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dag_factory.errors import ConfigError, MissingStoreError, StatusError
from dag_factory.reporting.ended_runs import (
    CLOCKS_DIFFER_BY,
    LOOK_AGAIN_SECONDS,
    TIMEOUTS,
    EndedRun,
    ended_run,
    tell,
)
from dag_factory.workflow.run import openmetadata_run_id

REPORTED = ("shop.orders", openmetadata_run_id("orders", "manual__1"))
RUN = EndedRun("orders", "manual__1", REPORTED[1], "failed", "timed_out", 1000, 2000)
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


def test_a_failed_run_is_told_under_the_contract_s_id_and_insisted_on_against_a_dying_task(
    server: Any, config: Any
) -> None:
    config()
    assert tell(RUN) == (LOOK_AGAIN_SECONDS, replace(RUN, insists=True))
    assert server.statuses[REPORTED]["pipelineState"] == "failed"
    server.statuses[REPORTED]["pipelineState"] = "success"
    assert tell(replace(RUN, insists=True)) is None
    assert server.statuses[REPORTED]["pipelineState"] == "failed"


def test_a_success_that_the_run_reported_before_it_failed_in_airflow_stays(server: Any, config: Any) -> None:
    config()
    server.statuses[REPORTED] = {"runId": REPORTED[1], "pipelineState": "success"}
    assert tell(RUN) is None
    assert server.statuses[REPORTED]["pipelineState"] == "success"


def test_under_the_id_that_the_server_asked_for(server: Any, config: Any) -> None:
    config()
    tell(replace(RUN, reported_as=REQUESTED))
    assert list(server.statuses) == [("shop.orders", REQUESTED)]


@pytest.mark.parametrize("own", ["success", "partialSuccess", "failed"])
@pytest.mark.parametrize("known", [None, "running"])
def test_a_run_that_its_task_could_not_tell_is_told_as_its_workflow_ended(
    server: Any, config: Any, own: str, known: str | None
) -> None:
    config()
    if known:
        server.statuses[REPORTED] = {"runId": REPORTED[1], "pipelineState": known}
    assert tell(replace(RUN, state="success", own=own)) is None
    assert server.statuses[REPORTED]["pipelineState"] == own


def test_what_its_task_has_told_stays(server: Any, config: Any) -> None:
    config()
    server.statuses[REPORTED] = {"runId": REPORTED[1], "pipelineState": "partialSuccess"}
    assert tell(replace(RUN, state="success", own="success")) is None
    assert server.statuses[REPORTED]["pipelineState"] == "partialSuccess"


def test_a_user_s_success_is_told_and_insisted_on_against_a_dying_task(server: Any, config: Any) -> None:
    config()
    marked = replace(RUN, state="success")
    for run, following in (
        (marked, (LOOK_AGAIN_SECONDS, replace(marked, insists=True))),
        (replace(marked, insists=True), None),
    ):
        server.statuses[REPORTED] = {"runId": REPORTED[1], "pipelineState": "failed"}
        assert tell(run) == following
        assert server.statuses[REPORTED]["pipelineState"] == "success"


def test_a_success_from_before_a_run_was_cleared_is_none_of_it(server: Any, config: Any) -> None:
    config()
    known = {"runId": REPORTED[1], "pipelineState": "success"}
    server.statuses[REPORTED] = {**known, "endDate": 1000 + CLOCKS_DIFFER_BY}
    tell(RUN)
    assert server.statuses[REPORTED]["pipelineState"] == "success"
    server.statuses[REPORTED] = {**known, "endDate": 999 + CLOCKS_DIFFER_BY}
    tell(RUN)
    assert server.statuses[REPORTED]["pipelineState"] == "failed"


def test_a_server_that_is_slow_gets_more_time_at_each_try(server: Any, config: Any) -> None:
    assert sorted(set(TIMEOUTS)) == list(TIMEOUTS)
    config()
    server.waits = 0.3
    with pytest.raises(StatusError, match="ReadTimeout"):
        tell(RUN, timeouts=(0.1, 30.0))
    tell(RUN, 1, timeouts=(0.1, 30.0))
    tell(RUN, 7, timeouts=(0.1, 30.0))
    assert server.statuses[REPORTED]["pipelineState"] == "failed"


def test_a_pipeline_whose_config_is_gone_concerns_nobody_any_more(server: Any, config: Any, tmp_path: Path) -> None:
    with pytest.raises(MissingStoreError, match="Is it mounted here"):
        tell(RUN)
    (tmp_path / "defaults.yaml").touch()
    assert tell(RUN) is None
    assert server.calls == []


def test_what_only_the_worker_has_is_named_with_a_way_out(server: Any, config: Any) -> None:
    config({**server.connection(), "securityConfig": {"jwtToken": {"$env": "OPENMETADATA_ONLY_IN_WORKER"}}})
    with pytest.raises(ConfigError, match=r"'OPENMETADATA_ONLY_IN_WORKER'.*openmetadata_conn_id") as error:
        tell(RUN)
    assert error.value.config == "orders.json"
    assert tell(replace(RUN, state="success", own="success")) is None  # which its task has told


def test_a_connection_of_airflow_serves_all_pipelines(
    server: Any, config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    config({})
    fields = {"conn_type": "http", "host": server.host_port, "password": "rotated"}
    monkeypatch.setenv("AIRFLOW_CONN_OM", json.dumps(fields))
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__OPENMETADATA_CONN_ID", "om")
    tell(RUN)
    assert server.headers["Authorization"] == "Bearer rotated"
    assert server.statuses[REPORTED]["pipelineState"] == "failed"


def test_a_server_that_is_away_is_an_error_that_passes(server: Any, config: Any) -> None:
    config()
    server.refuses = 503
    with pytest.raises(StatusError) as error:
        tell(replace(RUN, state="success"))
    assert error.value.passing


def test_a_run_that_was_cleared_while_it_ran_has_begun_again_then() -> None:
    first, cleared = (datetime(2026, 1, day, tzinfo=timezone.utc) for day in (1, 2))
    row = SimpleNamespace(dag_id="orders", run_id="r", conf=None, queued_at=cleared, start_date=first, end_date=None)
    assert ended_run(row, "failed", "why").started == int(cleared.timestamp() * 1000)


@pytest.mark.parametrize(
    ("conf", "reported_as"),
    [({"pipelineRunId": REQUESTED}, REQUESTED), (None, openmetadata_run_id("orders", "r"))],
)
def test_a_run_is_what_airflow_s_database_says(conf: object, reported_as: str) -> None:
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc)
    row = SimpleNamespace(dag_id="orders", run_id="r", conf=conf, queued_at=moment, start_date=None, end_date=moment)
    milliseconds = int(moment.timestamp() * 1000)
    expected = EndedRun("orders", "r", reported_as, "failed", "why", milliseconds, milliseconds)
    assert ended_run(row, "failed", "why") == expected
