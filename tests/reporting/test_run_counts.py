"""Runs whose task could not count itself are counted by the process that reports them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dag_factory.errors import StatusError
from dag_factory.portable.openmetadata.outcomes import Report, Reporter, left_by_task
from dag_factory.reporting.conclusion import Evidence
from dag_factory.reporting.ended_runs import EndedRun, report_end
from tests.metrics_receivers import StatsdReceiver
from tests.sent_metrics import sent_from

RUN = EndedRun("orders", "manual__1", "id", "failed", Report(Reporter.SCHEDULER, "failed", "task_failure"))
BY_USER = replace(RUN, report=replace(RUN.report, reporter=Reporter.USER, reason=""))
SEARCHED = replace(RUN, report=replace(RUN.report, reporter=Reporter.SEARCH, reason=""))
NOTHING_LEFT = Evidence("failed")
LEFT = Evidence("failed", left_by_task("failed", 1, is_reported=False, reason="down"))


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[StatsdReceiver]:
    """What a StatsD server receives of this process's metrics, which are set up as in the scheduler."""
    with sent_from(monkeypatch, "airflow") as receiver:
        yield receiver


@pytest.fixture
def config(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE", str(tmp_path))
    document = {
        "name": "orders",
        "pipelineType": "metadata",
        "service": {"type": "databaseService", "name": "shop"},
        "openMetadataServerConnection": server.connection(),
    }
    (tmp_path / "orders.json").write_text(json.dumps(document))


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize(
    ("run", "evidence", "names"),
    [
        (RUN, NOTHING_LEFT, ["airflow.openmetadata.runs.metadata.lost:1|c"]),
        (BY_USER, NOTHING_LEFT, ["airflow.openmetadata.runs.metadata.stopped:1|c"]),
        (RUN, LEFT, []),
        (BY_USER, LEFT, []),
        (SEARCHED, NOTHING_LEFT, []),
    ],
    ids=["killed", "stopped", "counted_by_its_task", "marked_later", "found_after_a_restart"],
)
def test_a_run_is_counted_once(sent: StatsdReceiver, run: EndedRun, evidence: Evidence, names: list[str]) -> None:
    following = report_end(run, evidence)
    if following is not None:
        report_end(following[1], None)
    assert sent.sync() == names


@pytest.mark.usefixtures("config")
def test_a_report_that_is_retried_is_counted_at_its_first_try(sent: StatsdReceiver, server: Any) -> None:
    server.refuses = 503
    for failures in range(2):
        with pytest.raises(StatusError):
            report_end(RUN, NOTHING_LEFT, failures)
    assert sent.sync() == ["airflow.openmetadata.runs.metadata.lost:1|c"]
