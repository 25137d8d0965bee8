"""What a task measures of its run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dag_factory.reporting.run_tags import BROKEN, run_tags
from dag_factory.task.run_metrics import RunMetrics
from tests.metrics_receivers import StatsdReceiver
from tests.sent_metrics import sent_from


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[StatsdReceiver]:
    """What a StatsD server receives of this process's metrics, which are set up as in a task."""
    with sent_from(monkeypatch, "airflow.sdk") as receiver:
        yield receiver


def names(receiver: StatsdReceiver) -> dict[str, str]:
    return dict(line.removeprefix("airflow.openmetadata.").split(":") for line in receiver.sync())


def test_a_run_that_came_to_its_end_sends_what_it_has_done(sent: StatsdReceiver) -> None:
    run_metrics = RunMetrics("orders")
    run_metrics.type = "metadata"
    with run_metrics.workflow():
        pass
    steps = {"Mysql": {"records": 12, "warnings": 1, "errors": 0}, "OpenMetadata": {"records": 11, "errors": 2}}
    run_metrics.send("partialSuccess", steps)
    found = names(sent)
    assert found.pop("run.workflow.metadata").endswith("|ms")
    assert found.pop("run.overhead.metadata").endswith("|ms")
    assert found == {
        "runs.metadata.partialSuccess": "1|c",
        "run.records.metadata": "12|c",
        "run.warnings.metadata": "1|c",
        "run.errors.metadata": "2|c",
    }


def test_a_run_that_never_began_its_workflow_sends_its_outcome_alone(sent: StatsdReceiver) -> None:
    RunMetrics("orders").send("failed")
    assert names(sent) == {"runs.unknown.failed": "1|c"}


def test_a_workflow_that_fails_is_measured_too(sent: StatsdReceiver) -> None:
    run_metrics = RunMetrics("orders")
    with pytest.raises(KeyError), run_metrics.workflow():
        raise KeyError
    run_metrics.send("retried")
    assert set(names(sent)) == {"runs.unknown.retried", "run.workflow.unknown", "run.overhead.unknown"}


def test_a_workflow_without_steps_sends_zeros(sent: StatsdReceiver) -> None:
    RunMetrics("orders").send("success", {})
    assert names(sent)["run.records.unknown"] == "0|c"


@pytest.mark.parametrize(
    ("kind", "tag"),
    [("metadata", "metadata"), (BROKEN, "broken"), ("a new one", "unknown"), (None, "unknown"), ([], "unknown")],
)
def test_a_type_that_a_document_makes_up_is_no_series_of_its_own(kind: object, tag: str) -> None:
    assert run_tags("orders", kind) == {"type": tag}


def test_an_id_is_a_tag_where_the_operator_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    option = "AIRFLOW__OPENMETADATA_DAG_FACTORY__METRICS_DAG_ID"
    monkeypatch.setenv(option, "True")
    assert run_tags("orders", "usage") == {"type": "usage", "dag_id": "orders"}
    # A wrong setting fails no run.
    monkeypatch.setenv(option, "perhaps")
    assert run_tags("orders", "usage") == {"type": "usage"}
