from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dag_factory.portable.openmetadata.outcomes import Report, Reporter
from dag_factory.reporting import listener
from dag_factory.reporting.ended_runs import EndedRun
from dag_factory.reporting.report_queue import Reports
from tests.places import ROOT

# Whatever the scheduler and the API server do not need until a run ends.
LATE = [
    "httpx",
    "tenacity",
    "sqlalchemy.orm",
    "metadata",
    "dag_factory.store.catalog",
    "dag_factory.reporting.run_status_client",
]


def run_of(module: str, **fields: Any) -> Any:
    dag = SimpleNamespace(tasks=[SimpleNamespace(_task_module=module)])
    return SimpleNamespace(dag_id="orders", dag=dag, **fields)


@pytest.mark.slow
def test_whoever_imports_the_listener_imports_nothing_of_what_it_needs(tmp_path: Path) -> None:
    script = f"""
import json, sys
import airflow.listeners
before = set(sys.modules)
from dag_factory.reporting import listener
print(json.dumps([name for name in {LATE!r} if name in sys.modules and name not in before]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"AIRFLOW_HOME": str(tmp_path), "PATH": "", "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_airflow_takes_the_hooks_for_its_own() -> None:
    from airflow.listeners.listener import get_listener_manager

    hooks = get_listener_manager().hook
    for name in ("on_dag_run_failed", "on_dag_run_success", "on_starting"):
        modules = [implementation.plugin for implementation in getattr(hooks, name).get_hookimpls()]
        assert listener in modules, name


def test_the_end_of_somebody_else_s_run_concerns_nobody_here(caplog: pytest.LogCaptureFixture) -> None:
    listener.on_dag_run_failed(run_of("airflow.providers.standard.operators.bash"), "task_failure")
    without_dag: Any = SimpleNamespace(
        dag_id="orders", dag=None, task_instances=[SimpleNamespace(operator="BashOperator")]
    )
    listener.on_dag_run_failed(without_dag, "task_failure")
    # One of ours would be reported, or the log would say why it can't be.
    assert caplog.messages == []
    assert "openmetadata-reports" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize(
    "run",
    [
        run_of("dag_factory.task.operator"),
        SimpleNamespace(dag_id="orders", dag=None, task_instances=[SimpleNamespace(operator="IngestionOperator")]),
    ],
    ids=["with its DAG", "without"],
)
def test_ours_is_noticed_and_a_hook_never_raises(run: Any, caplog: pytest.LogCaptureFixture) -> None:
    # These runs have no conf, no dates, nothing.
    listener.on_dag_run_failed(run, "task_failure")
    assert "The outcome of a run of DAG 'orders' can't be reported" in caplog.text


def test_what_the_queue_has_no_room_for_is_queued_by_the_next_search() -> None:
    entered, opened = threading.Event(), threading.Event()
    got: list[str] = []

    def report(run: EndedRun, _: int) -> None:
        got.append(run.dag_id)
        entered.set()
        opened.wait(10)

    failed = Report(Reporter.SEARCH, "failed")
    first, *others = (EndedRun(name, "manual__1", "", "failed", failed) for name in ("first", "a", "b", "c"))
    found = set(others)
    queue: Reports[EndedRun] = Reports(report, lambda _: True, lambda run: run.dag_id, threads=1, most=3)
    queue.add(first)
    assert entered.wait(10)
    known = listener.queue_found(found, set(), queue)
    # What waits is known to the next search, and so is not looked at again.
    assert len(known) == 2
    assert listener.queue_found(found, known, queue) == known
    opened.set()
    end_of_reports()
    assert listener.queue_found(found, known, queue) == found
    end_of_reports()
    assert sorted(got) == ["a", "b", "c", "first"]
    # What is found no longer is forgotten.
    assert listener.queue_found(set(), found, queue) == set()


def end_of_reports() -> None:
    for thread in [thread for thread in threading.enumerate() if thread.name == "openmetadata-reports"]:
        thread.join(10)
