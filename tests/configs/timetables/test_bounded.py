"""Each run of a pipeline has its task, whatever makes the run and whatever bounds the pipeline's schedule has."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pendulum
import pytest
from airflow.dag_processing.collection import update_dag_parsing_results_in_db
from airflow.models import import_all_models
from airflow.models.base import Base
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.tasklog import LogTemplate
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import LazyDeserializedDAG
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from dag_factory.dag.builder import build_dag, build_placeholder
from dag_factory.errors import ConfigError
from dag_factory.store.catalog import Catalog
from dag_factory.store.config import BrokenConfig
from dag_factory.store.folder.folder_store import FolderStore
from tests.airflow_versions import DagSerialization
from tests.places import TESTS
from tests.simulated_airflow import config_of, dag_of
from tests.stored import good

CASES = TESTS / "cases" / "01_run_without_task"
NOW = datetime.now(timezone.utc)

# Who makes runs, with the logical date that the UI's form and the REST API send.
RUNS = {
    "form_of_the_ui": (DagRunType.MANUAL, DagRunTriggeredByType.REST_API, NOW),
    "no_date": (DagRunType.MANUAL, DagRunTriggeredByType.REST_API, None),
    "long_ago": (DagRunType.MANUAL, DagRunTriggeredByType.REST_API, datetime(1999, 12, 31, tzinfo=timezone.utc)),
    "far_ahead": (DagRunType.MANUAL, DagRunTriggeredByType.CLI, datetime(2200, 1, 1, tzinfo=timezone.utc)),
    "backfill": (DagRunType.BACKFILL_JOB, DagRunTriggeredByType.BACKFILL, NOW - timedelta(days=400)),
    "other_dag": (DagRunType.MANUAL, DagRunTriggeredByType.OPERATOR, NOW - timedelta(seconds=1)),
    "scheduler": (DagRunType.SCHEDULED, DagRunTriggeredByType.TIMETABLE, NOW - timedelta(days=1)),
}


@pytest.fixture
def database() -> Iterator[Session]:
    """An empty database of Airflow's."""
    import_all_models()
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(DagBundleModel(name="store"))
        # Airflow writes one when it starts; 3.1 makes no run without.
        session.add(LogTemplate(filename="{{ run_id }}.log", elasticsearch_id="{dag_id}"))
        session.commit()
        yield session
    engine.dispose()


def tasks_of_a_run(database: Session, dag: DAG, run: str) -> list[str]:
    """Return the ids of the tasks that a run has, of a DAG as Airflow has stored it."""
    written = LazyDeserializedDAG(data=json.loads(json.dumps(DagSerialization.to_dict(dag))))
    update_dag_parsing_results_in_db("store", None, [written], {}, None, set(), database)
    stored = SerializedDagModel.get_dag(dag.dag_id, session=database)
    assert stored is not None
    run_type, triggered_by, at = RUNS[run]
    made = stored.create_dagrun(
        run_id=run,
        logical_date=at,
        data_interval=(at, at) if at else None,
        run_after=at or NOW,
        run_type=run_type,
        triggered_by=triggered_by,
        state=DagRunState.QUEUED,
        session=database,
    )
    return [instance.task_id for instance in made.get_task_instances(session=database)]


@pytest.mark.slow
def test_whoever_triggers_the_task_runs(database: Session, tmp_path: Path) -> None:
    found: dict[tuple[str, str], list[str]] = {}
    for config in good(Catalog(FolderStore(shutil.copytree(CASES, tmp_path / "configs"))).all()):
        found |= {(config.dag_id, run): tasks_of_a_run(database, build_dag(config), run) for run in RUNS}
    assert len(found) == 7 * len(RUNS)
    assert {key: tasks for key, tasks in found.items() if tasks != ["ingestion_task"]} == {}


def test_a_run_seconds_before_the_start_has_its_task_where_the_server_s_clock_is_ahead(database: Session) -> None:
    start = (NOW + timedelta(seconds=2)).isoformat()
    dag = build_dag(config_of(scheduleInterval="0 2 * * *", startDate=start))
    assert tasks_of_a_run(database, dag, "form_of_the_ui") == ["ingestion_task"]


def test_a_broken_config_s_task_says_what_is_wrong_in_each_run(database: Session) -> None:
    placeholder = build_placeholder(BrokenConfig("broken", "broken.json", ConfigError("is not JSON")))
    assert [tasks_of_a_run(database, placeholder, run) for run in RUNS] == [["config_error"]] * len(RUNS)


def test_airflow_plans_the_first_run_from_the_start_on_and_none_after_the_end(
    database: Session, tmp_path: Path
) -> None:
    """So the bounds hold for the schedule, though the DAG has none."""
    planned = {}
    for config in good(Catalog(FolderStore(shutil.copytree(CASES, tmp_path / "configs"))).all()):
        written = LazyDeserializedDAG(data=json.loads(json.dumps(DagSerialization.to_dict(build_dag(config)))))
        update_dag_parsing_results_in_db("store", None, [written], {}, None, set(), database)
        model = database.get(DagModel, config.dag_id)
        assert model is not None
        planned[config.dag_id] = model.next_dagrun_create_after
    started = pendulum.datetime(2127, 3, 29, 2)
    assert planned["run_without_task"] == started
    assert planned["once"] == started.at(0)
    assert planned["catchup"] == pendulum.datetime(2127, 3, 29, 2, tz="Pacific/Apia")
    assert planned["end_passed"] is planned["on_demand"] is None
    neither = planned["neither"]
    assert neither is not None
    assert neither == planned["updated_ahead"]
    assert neither < started


def test_a_backfill_may_lie_outside_of_the_schedule_s_bounds() -> None:
    dag = dag_of(scheduleInterval="0 2 * * *", startDate="2024-06-01", endDate="2024-06-03")
    days = [pendulum.datetime(2024, 5, 30), pendulum.datetime(2024, 6, 6)]
    infos = list(dag.iter_dagrun_infos_between(*days))
    assert [info.run_after.day for info in infos] == [30, 31, 1, 2, 3, 4, 5]
