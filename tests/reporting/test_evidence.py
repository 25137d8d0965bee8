"""What is found in Airflow's database of a run that has ended, and what it costs to look."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

SCRIPT = """
import json, os, sys, tempfile, threading, uuid
from pathlib import Path
from datetime import datetime, timezone
from sqlalchemy import event, insert
from airflow import settings
from airflow.models import DagModel, DagRun, Log, TaskInstance
from airflow.models.dagbundle import DagBundleModel
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from dag_factory.portable.openmetadata.outcomes import OUTCOME_XCOM, left_by_task
from dag_factory.reporting.evidence import find_evidence
from dag_factory.reporting.scheduler_mail import MAILED, mail_failure

# Faster than a migration, and the same tables.
from airflow.models import import_all_models
from airflow.models.base import Base
import_all_models()
Base.metadata.create_all(settings.engine)

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
DOCUMENT = {"name": "a", "pipelineType": "metadata", "service": {"name": "s", "type": "databaseService"},
            "airflowConfig": {"email": "team@example.com"}}

def add(run_id, state, *, left=None, events=(), try_number=1):
    with create_session() as session:
        run = DagRun(dag_id="a", run_id=run_id, run_type="manual", state="failed", run_after=NOW, start_date=NOW)
        session.add(run)
        session.flush()
        if state != "no_task":
            values = {"dag_id": "a", "run_id": run_id, "task_id": "ingestion_task", "map_index": -1, "state": state,
                      "try_number": try_number, "max_tries": 0, "operator": "IngestionOperator", "pool": "default_pool",
                      "pool_slots": 1, "priority_weight": 1, "queue": "default", "executor_config": {},
                      "id": TaskInstance.__table__.c.id.type.python_type(uuid.uuid4().hex)}
            # From Airflow 3.4 on, it has no map_index.
            known = {name: value for name, value in values.items() if name in TaskInstance.__table__.columns}
            session.execute(insert(TaskInstance.__table__).values(known))
        session.flush()
        if left is not None:
            XComModel.set(key=OUTCOME_XCOM, value=left, dag_id="a", task_id="ingestion_task", run_id=run_id,
                          session=session)
        for name in events:
            session.add(Log(name, dag_id="a", run_id=run_id, task_id="ingestion_task", map_index=-1,
                            try_number=try_number))

with create_session() as session:
    session.add(DagBundleModel(name="ours"))
    session.flush()
    session.add(DagModel(dag_id="a", bundle_name="ours", relative_fileloc="a.py", fileloc="a.py"))

reported = left_by_task("success", 1, is_reported=True)
add("reported", "success", left=reported)
add("an_earlier_try", "failed", left=reported, events=["running", "failed"], try_number=2)
add("killed", "failed", events=["running", "failed", "cli_x"])
add("lost", "failed", events=["running", "heartbeat timeout"])
add("cleared", "skipped", left=reported)
add("no_task", "no_task")
for run_id in ("mailed", "refused"):
    add(run_id, "failed", events=["running", "heartbeat timeout"])

statements = []
event.listen(settings.engine, "before_cursor_execute", lambda c, cur, statement, *_: statements.append(statement))
found = {}
for run_id in ("reported", "an_earlier_try", "killed", "lost", "cleared", "no_task"):
    statements.clear()
    evidence = find_evidence("a", run_id)
    found[run_id] = [evidence.task_state, evidence.left, sorted(evidence.events), len(statements)]

mails = []
class Hook:
    def __init__(self, **_): pass
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def send_email_smtp(self, **mail): mails.append([mail["to"], "<td>it was killed</td>" in mail["html_content"]])
import airflow.providers.smtp.hooks.smtp as smtp
smtp.SmtpHook = Hook
for _ in range(3):
    mail_failure("a", "killed", DOCUMENT, "it was killed")
mail_failure("a", "no_task", DOCUMENT, "x")
mail_failure("a", "killed", {"name": "nothing"}, "x")
with create_session() as session:
    found["mails"] = mails
    found["noted"] = session.query(Log).filter(Log.event == MAILED).count()

from dag_factory.errors import StatusError
from dag_factory.portable.openmetadata.outcomes import Report, Reporter
from dag_factory.reporting.ended_runs import EndedRun, report_end
from tests.reporting.conftest import StatusServer

os.environ["AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE"] = store = tempfile.mkdtemp()
server = StatusServer()
threading.Thread(target=server.serve_forever, daemon=True).start()
connection = {"openMetadataServerConnection": server.connection()}
(Path(store) / "a.json").write_text(json.dumps({**DOCUMENT, "sourceConfig": {"config": {}}, **connection}))
calls = []
Hook.send_email_smtp = lambda self, **mail: calls.append([call.partition(" ")[0] for call in server.calls])

def report(run_id, failures):
    failed = Report(Reporter.SCHEDULER, "failed", "task_failure", started=1, ended=2)
    try:
        report_end(EndedRun("a", run_id, run_id, "failed", failed), find_evidence("a", run_id), failures)
    except StatusError:
        calls.append("retried")

report("mailed", 0)
server.refuses = 503
server.calls.clear()
report("refused", 0)
report("refused", 1)
found["calls before a mail"] = calls
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(found_by: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    return found_by(SCRIPT)


def test_a_task_that_reported_costs_two_queries(found: dict[str, Any]) -> None:
    state, left, events, queries = found["reported"]
    assert (state, left["state"], left["is_reported"], events) == ("success", "success", True, [])
    assert queries == 2


def test_one_that_left_nothing_costs_three_and_has_what_the_audit_log_says(found: dict[str, Any]) -> None:
    assert found["lost"] == ["failed", None, ["heartbeat timeout", "running"], 3]


def test_one_whose_process_ended_costs_two_more_to_find_its_log(found: dict[str, Any]) -> None:
    assert found["killed"] == ["failed", None, ["failed", "running"], 5]


def test_what_an_earlier_try_left_is_not_about_the_last_one(found: dict[str, Any]) -> None:
    assert found["an_earlier_try"][:3] == ["failed", None, ["failed", "running"]]
    assert found["cleared"][:2] == ["skipped", None]


def test_a_run_without_a_task_has_no_evidence(found: dict[str, Any]) -> None:
    assert found["no_task"] == [None, None, [], 1]


def test_a_failure_is_mailed_once_by_however_many_schedulers(found: dict[str, Any]) -> None:
    assert found["mails"] == [[["team@example.com"], True]]
    assert found["noted"] == 1


def test_a_failure_is_reported_before_it_is_mailed_and_mailed_once_whatever_comes_of_the_report(
    found: dict[str, Any],
) -> None:
    assert found["calls before a mail"] == [["GET", "PUT"], ["GET"], "retried", "retried"]
