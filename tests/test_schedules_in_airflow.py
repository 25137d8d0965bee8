"""When a real Airflow runs pipelines by itself, and that a run has its task, whatever triggers it."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from sandbox.client import wait_until
from sandbox.stack import AirflowStack
from tests.e2e.pipelines import TASK, drop, sample
from tests.e2e.servers import calling

pytestmark = [pytest.mark.e2e, pytest.mark.together("waits")]

CASES = Path(__file__).parent / "cases" / "01_run_without_task"


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_a_dropped_pipeline_whose_start_lies_in_the_past_waits_for_its_tick(
    airflow: AirflowStack, config_store: Path
) -> None:
    # More than a tenth of an hour, and of a day, away from the tick before.
    known = datetime.now(timezone.utc)
    crons = {
        "waits_an_hour": (f"{(known.minute + 30) % 60} * * * *", timedelta(hours=1)),
        "waits_a_day": (f"{known.minute} {(known.hour + 12) % 24} * * *", timedelta(days=1)),
    }
    for name, (cron, _) in crons.items():
        drop(config_store, sample(name, airflowConfig={"scheduleInterval": cron, "startDate": "2024-01-01"}))
    for name, (_, interval) in crons.items():
        dag = airflow.wait_for_dag(name)
        first = moment(dag["next_dagrun_run_after"])
        assert known < first <= known + interval
        assert airflow.api("GET", f"/api/v2/dags/{name}/dagRuns")["total_entries"] == 0


def test_a_spread_moves_the_next_run_and_not_its_tick_and_airflow_shows_when_it_begins(
    airflow: AirflowStack, config_store: Path
) -> None:
    in_half_a_day = datetime.now(timezone.utc) + timedelta(hours=12)
    config = {"scheduleInterval": f"0 {in_half_a_day.hour} * * *"}
    drop(config_store, sample("spread_out", airflowConfig=config, dagFactory={"spread": 3600}))
    dag = airflow.wait_for_dag("spread_out")
    begin, tick = moment(dag["next_dagrun_run_after"]), moment(dag["next_dagrun_logical_date"])
    assert timedelta(0) < begin - tick < timedelta(hours=1)
    assert (tick.hour, tick.minute, tick.second) == (in_half_a_day.hour, 0, 0)
    assert dag["timetable_summary"] == f"{config['scheduleInterval']}, spread to {begin:%H:%M:%S}"
    assert dag["timetable_description"].endswith(f", spread to {begin:%H:%M:%S}")


def test_one_of_each_minute_begins_with_a_tick_from_when_it_became_known_and_leaves_none_out(
    airflow: AirflowStack, config_store: Path
) -> None:
    known = datetime.now(timezone.utc)
    # Runs that fail at once keep nobody waiting.
    service = {"type": "databaseService", "name": "no_such_service"}
    config = {"scheduleInterval": "* * * * *", "startDate": "2024-01-01", "maxActiveRuns": 3}
    dag_id = drop(config_store, sample("each_minute", service=service, airflowConfig=config))

    def look() -> tuple[list[dict[str, Any]] | None, str]:
        runs = airflow.api("GET", f"/api/v2/dags/{dag_id}/dagRuns", params={"order_by": "logical_date"})["dag_runs"]
        return (runs if len(runs) > 1 else None), f"{len(runs)} runs"

    airflow.wait_for_dag(dag_id)
    first, second = (moment(run["logical_date"]) for run in wait_until(look, "two runs", timeout=180)[:2])
    (config_store / f"{dag_id}.json").unlink()
    assert first > known - timedelta(minutes=5)
    assert second - first == timedelta(minutes=1)


def test_a_run_that_somebody_triggers_has_its_task_before_the_start_and_after_the_end(
    airflow: AirflowStack, config_store: Path
) -> None:
    shutil.copytree(CASES, config_store / CASES.name)
    now = datetime.now(timezone.utc).isoformat()
    runs = {}
    for dag_id in ("run_without_task", "end_passed", "updated_ahead"):
        airflow.wait_for_dag(dag_id)
        runs[dag_id] = airflow.api("POST", f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": now, "conf": {}})
    with calling(airflow) as server:
        server.trigger("once")
    runs["once"] = airflow.api("GET", "/api/v2/dags/once/dagRuns")["dag_runs"][0]
    for dag_id, run in runs.items():
        assert airflow.wait_for_run(dag_id, run["dag_run_id"]) == "success"
        assert airflow.task_states(dag_id, run["dag_run_id"]) == {TASK: "success"}
