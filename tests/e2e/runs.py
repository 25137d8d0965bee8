"""Runs of pipelines: as Airflow has them, as the pipeline API shows them, and as the OpenMetadata server has them."""

from __future__ import annotations

from typing import Any, NamedTuple

from sandbox.client import wait_until
from sandbox.pipeline_service import PipelineServiceClient
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack


class Run(NamedTuple):
    """A run that has ended, with the log of its one task."""

    run_id: str
    state: str
    log: str


def run(airflow: AirflowStack, dag_id: str, **options: Any) -> Run:
    """Run a DAG to its end, as soon as Airflow knows it; ``options`` are those of ``AirflowClient.trigger``."""
    airflow.wait_for_dag(dag_id)
    return ended(airflow, dag_id, airflow.trigger(dag_id, **options))


def ended(airflow: AirflowStack, dag_id: str, run_id: str) -> Run:
    """Wait for the end of a run."""
    state = airflow.wait_for_run(dag_id, run_id)
    (task_id,) = airflow.task_states(dag_id, run_id)
    return Run(run_id, state, airflow.task_log(dag_id, run_id, task_id))


def run_all(airflow: AirflowStack, *dag_ids: str, **options: Any) -> dict[str, Run]:
    """Run several DAGs to their ends, all at the same time."""
    for dag_id in dag_ids:
        airflow.wait_for_dag(dag_id)
    started = {dag_id: airflow.trigger(dag_id, **options) for dag_id in dag_ids}
    return {dag_id: ended(airflow, dag_id, run_id) for dag_id, run_id in started.items()}


def wait_for_state(
    server: PipelineServiceClient, name: str, run_id: str, *states: str, timeout: float = 300
) -> dict[str, Any]:
    """Wait until the pipeline API shows a run in one of some states, and return it."""

    def look() -> tuple[dict[str, Any] | None, str]:
        runs = server.status(name)
        (found,) = (each for each in runs if each["runId"] == run_id)
        return (found if found["pipelineState"] in states else None), str(runs)

    return wait_until(look, f"run {run_id} to be {' or '.join(states)}", timeout)


def reported(openmetadata: OpenMetadataServer, fqn: str) -> dict[str, str]:
    """Return the state that the OpenMetadata server has for each run of a pipeline."""
    runs = openmetadata.get("/sandbox/summary")["runs"].get(fqn, [])
    return {each["runId"]: each["pipelineState"] for each in runs}
