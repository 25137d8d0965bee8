"""What Airflow's DAG processor and scheduler do with one DAG, step by step, on a clock of the test's."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import time_machine
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.timetables.base import DataInterval
from airflow.utils.types import DagRunType
from pendulum import DateTime

from dag_factory.dag.builder import build_dag
from dag_factory.store.config import Config
from tests.airflow_versions import DagSerialization, SerializedDAG, next_run_info, plan_next_run


def read_back(config: Config) -> SerializedDAG:
    """Return the DAG of a config, as Airflow reads it back from its database."""
    written = json.dumps(DagSerialization.to_dict(build_dag(config)))
    return DagSerialization.from_dict(json.loads(written))


def config_of(spread: int = 0, moved_at: str | None = None, **airflow_config: Any) -> Config:
    """Return the config of a pipeline with this ``airflowConfig``, its runs spread over some seconds."""
    document = {
        "name": "orders",
        "pipelineType": "metadata",
        "service": {"type": "databaseService", "name": "shop"},
        "sourceConfig": {"config": {"type": "DatabaseMetadata"}},
        "openMetadataServerConnection": {"hostPort": "http://localhost:8585/api"},
        "airflowConfig": airflow_config,
        "dagFactory": {"spread": spread, "movedAt": moved_at},
    }
    return Config("orders", "orders.json", document)


def dag_of(spread: int = 0, moved_at: str | None = None, **airflow_config: Any) -> SerializedDAG:
    """Return the DAG of a pipeline with this ``airflowConfig``, as Airflow reads it back."""
    return read_back(config_of(spread, moved_at, **airflow_config))


class SimulatedAirflow:
    """
    Parses and polls when it is asked to, by Airflow's own functions on its own models.

    ``now`` is the moment of the next step; ``runs`` are the moments at which the runs that were made begin, each of
    which has ended by the next step, and ``ticks`` their logical dates.
    """

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.is_paused = False
        self.runs: list[datetime] = []
        self.ticks: list[datetime] = []
        self._dag: SerializedDAG | None = None
        self._model = DagModel(dag_id="orders")
        self._latest: DagRun | None = None

    def parse(self, dag: SerializedDAG | None = None) -> None:
        """Parse the DAG, or from now on another version of it: what ``DagModelOperation.update_dags`` does."""
        self._dag = dag or self._dag
        self._schedule_next()

    def poll(self) -> None:
        """Make all runs that are due: what ``DagModel.dags_needing_dagruns`` and ``_create_dag_runs`` do."""
        while not self.is_paused and self._dag is not None and self.next_run is not None and self.next_run <= self.now:
            info = next_run_info(self._model, self._dag.timetable)
            assert info is not None
            assert info.run_after not in self.runs
            self._latest = _run(info.run_after, info.logical_date, info.data_interval)
            self.runs.append(info.run_after)
            assert info.logical_date is not None
            self.ticks.append(info.logical_date)
            self._schedule_next()

    def has_run(self, tick: DateTime) -> None:
        """Have a scheduled run of a tick from before the first step."""
        self._latest = _run(tick, tick, DataInterval.exact(tick))

    @property
    def next_run(self) -> datetime | None:
        """When the next run is due, as Airflow shows it."""
        return self._model.next_dagrun_create_after

    def _schedule_next(self) -> None:
        assert self._dag is not None
        with time_machine.travel(self.now, tick=False):
            plan_next_run(self._model, self._dag, self._latest)


def _run(run_after: datetime, logical_date: datetime | None, data_interval: DataInterval | None) -> DagRun:
    return DagRun(
        dag_id="orders",
        run_id=run_after.isoformat(),
        logical_date=logical_date,
        data_interval=data_interval,
        run_after=run_after,
        run_type=DagRunType.SCHEDULED,
    )
