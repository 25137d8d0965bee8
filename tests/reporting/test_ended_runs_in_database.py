"""The runs that a search after a restart finds, and what of a run is asked before a report is retried."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

SCRIPT = """
import json, sys, uuid
from datetime import datetime, timedelta, timezone
from sqlalchemy import insert
from airflow import settings
from airflow.models import DagRun, TaskInstance, import_all_models
from airflow.models.base import Base
from airflow.utils.session import create_session

# Faster than a migration, and the same tables.
import_all_models()
Base.metadata.create_all(settings.engine)
NOW = datetime.now(timezone.utc)
found = {}

def add(dag_id, *, tick, ended, state="failed", operator="IngestionOperator"):
    with create_session() as session:
        run = DagRun(dag_id=dag_id, run_id="manual__1", run_type="manual", state=state, run_after=NOW - tick)
        run.start_date, run.end_date = NOW - ended, NOW - ended
        session.add(run)
        session.flush()
        values = {"dag_id": dag_id, "run_id": "manual__1", "task_id": "ingestion_task", "map_index": -1,
                  "state": state, "try_number": 1, "max_tries": 0, "operator": operator, "pool": "default_pool",
                  "pool_slots": 1, "priority_weight": 1, "queue": "default", "executor_config": {},
                  "id": TaskInstance.__table__.c.id.type.python_type(uuid.uuid4().hex)}
        # From Airflow 3.4 on, it has no map_index.
        known = {name: value for name, value in values.items() if name in TaskInstance.__table__.columns}
        session.execute(insert(TaskInstance.__table__).values(known))

day, minute = timedelta(days=1), timedelta(minutes=1)
add("of_a_tick_of_last_year", tick=365 * day, ended=minute)
add("of_this_day", tick=day, ended=minute)
add("long_ago", tick=3 * day, ended=3 * day)
add("good", tick=day, ended=minute, state="success")
add("of_others", tick=day, ended=minute, operator="BashOperator")

from dag_factory.errors import StatusError
from dag_factory.portable.openmetadata.outcomes import Report, Reporter
from dag_factory.reporting.ended_runs import EndedRun, failed_lately, still_ended

found["failed"] = sorted(run.dag_id for run in failed_lately(timedelta(hours=1)))

def run(dag_id, state):
    return EndedRun(dag_id, "manual__1", "", state, Report(Reporter.USER, state, "", started=1, ended=2))

found["still ended"] = [still_ended(run("good", "success")), still_ended(run("good", "failed")),
                        still_ended(run("deleted", "failed"))]
Base.metadata.drop_all(settings.engine)
try:
    still_ended(run("good", "success"))
except StatusError as error:
    found["without a database"] = [str(error), error.passing]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(found_by: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    return found_by(SCRIPT)


def test_a_run_that_failed_lately_is_found_however_old_its_tick_is(found: dict[str, Any]) -> None:
    assert found["failed"] == ["of_a_tick_of_last_year", "of_this_day"]


def test_a_report_holds_while_the_run_is_as_it_ended_or_deleted(found: dict[str, Any]) -> None:
    assert found["still ended"] == [True, False, True]


def test_a_database_that_is_away_says_nothing_about_a_run_so_its_report_is_retried(found: dict[str, Any]) -> None:
    assert found["without a database"] == ["Airflow's database does not answer", True]
