"""
Runs one pipeline as a worker does, without an Airflow: ``python one_run.py DAG_ID RUN_ID``.

The settings are in the environment, and the log goes to standard output. The exit code is 0 where the run succeeds.
"""

from __future__ import annotations

import logging
import sys
from types import SimpleNamespace
from typing import Any, cast

from dag_factory.task.execution import Execution


class TaskInstance:
    """Stands for Airflow's."""

    try_number = 1
    max_tries = 0

    def xcom_push(self, **_: object) -> None:
        """Forget it."""


if __name__ == "__main__":
    dag_id, run_id = sys.argv[1:]
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    context = {
        "dag_run": SimpleNamespace(conf={"pipelineRunId": run_id}),
        "run_id": run_id,
        "ti": TaskInstance(),
        "task": SimpleNamespace(execution_timeout=None),
    }
    try:
        print(Execution(dag_id, cast("Any", context)).run())
    except Exception as error:  # noqa: BLE001 - whatever a run raises
        print(f"{type(error).__name__}: {error}")
        sys.exit(1)
