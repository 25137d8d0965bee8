"""Where a workflow runs: what comes of it, and who reports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dag_factory.errors import WorkflowError
from dag_factory.portable.ingestion.run import PreparedRun, RunOutcome
from dag_factory.portable.openmetadata.outcomes import Report, Reporter
from dag_factory.portable.secrets.masking import Mask
from dag_factory.task.runners import InChild, InProcess

Interpreter = Callable[[str], str]

RUN = PreparedRun({"pipelineType": "metadata"}, "shop.orders", "run 1", is_retried=True)
FAILED = Report(Reporter.TASK, "failed", "why")


def in_child(python: str) -> InChild:
    return InChild(RUN, Mask(in_airflow=False), python)


def test_a_child_gets_the_run_as_it_was_prepared_and_gives_back_its_outcome(interpreter: Interpreter) -> None:
    python = interpreter("""
        given = [kind, job["pipeline_fqn"], job["run_id"], str(job["is_retried"])]
        return {"state": "success", "is_reported": True, "summary": {name: {} for name in given}}
    """)
    assert in_child(python).run() == RunOutcome(
        "success", is_reported=True, summary={"run": {}, "shop.orders": {}, "run 1": {}, "True": {}}
    )


def test_a_report_is_sent_by_another_child(interpreter: Interpreter) -> None:
    runner = in_child(
        interpreter("return (kind, job['run_id'], job['report']['reason']) == ('report', 'run 1', 'why')")
    )
    assert runner.report(FAILED) is True
    assert runner.report(Report(Reporter.TASK, "failed", "another reason")) is False


def test_a_kill_is_reported_by_the_child_that_is_asked_to_end(interpreter: Interpreter) -> None:
    runner = in_child(interpreter("return True"))
    assert runner.report(Report(Reporter.KILL_HANDLER, "failed", "why")) is False


def test_a_report_that_fails_is_logged_and_hides_no_error_of_the_run(
    interpreter: Interpreter, caplog: pytest.LogCaptureFixture
) -> None:
    python = interpreter("from dag_factory.errors import WorkflowError; raise WorkflowError('no server')")
    assert in_child(python).report(FAILED) is False
    assert "The child process could not report run run 1 to OpenMetadata: no server" in caplog.text


def test_a_run_that_is_ended_before_it_begins_starts_no_child(interpreter: Interpreter) -> None:
    runner = in_child(interpreter("return {}"))
    runner.terminate()
    with pytest.raises(WorkflowError, match="ended before it was started"):
        runner.run()


def test_a_run_in_this_process_that_has_not_reached_its_server_reports_nothing() -> None:
    assert InProcess(RUN, Mask(in_airflow=False), None, lambda: None).report(FAILED) is False


def test_a_run_in_this_process_that_is_asked_to_end_or_is_ended_late_removes_what_it_has_staged(tmp_path: Path) -> None:
    ended: list[str] = []
    runner = InProcess(RUN, Mask(in_airflow=False), None, lambda: ended.append("late"))
    for end in (runner.terminate, runner._end):
        folder = runner._run._staging.folder(str(tmp_path))
        (folder / "queries").write_text("SELECT canary")
        end()
        assert list(tmp_path.iterdir()) == []
    assert ended == ["late"]
