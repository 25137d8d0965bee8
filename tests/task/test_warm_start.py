"""Which processes of Airflow import openmetadata-ingestion for all runs, and which must not."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.forked_python import ForkedPython

# Stands for openmetadata-ingestion, for Celery, and for what Airflow calls: prints what was imported and started.
SCRIPT = """
import json, logging, sys, types
from importlib import import_module

given = json.loads(sys.argv[1])
done = {"imports": 0, "templates": [], "connected": 0}

def stub(name, **names):
    module = sys.modules[name] = types.ModuleType(name)
    vars(module).update(names)

def import_ingestion():
    done["imports"] += 1
    if given["broken"]:
        raise ImportError("no module named 'a driver'")

class Signal:
    receivers = []
    def connect(self, receiver):
        self.receivers.append(receiver)

stub("dag_factory.portable.ingestion.imports", import_ingestion=import_ingestion)
started = done["templates"]
stub("dag_factory.task.runner.templates", start_templates=lambda pythons, idle: started.append([pythons, idle]))
stub("dag_factory.dag.loader")
stub("dag_factory.task.execution")
stub("celery")
stub("celery.signals", worker_init=Signal())
base = import_module("airflow.executors.base_executor").BaseExecutor
stub("others", RemoteExecutor=type("RemoteExecutor", (base,), {}))

sys.argv = ["airflow", *given["argv"]]
if not given["installed"]:
    sys.modules["metadata"] = None
logging.basicConfig(stream=sys.stderr, level="INFO", format="%(message)s", force=True)
from dag_factory.task import warm_start
if given["argv"][0] == "celery":
    warm_start.prepare_celery()
    done["connected"] = len(Signal.receivers)
    for receiver in Signal.receivers:
        receiver(sender=None)
else:
    component = type(given["component"], (), {"latest_heartbeat": None})()
    warm_start.on_starting(component)
    done["heartbeat"] = str(component.latest_heartbeat)
print(json.dumps(done))
"""

Started = Callable[..., dict[str, Any]]


@pytest.fixture
def started(tmp_path: Path, forked_python: ForkedPython) -> Started:
    """Have a component of Airflow start, and return what it has done; ``options`` are settings of ours."""

    def start(
        *argv: str,
        component: str = "Job",
        executor: str = "LocalExecutor",
        installed: bool = True,
        broken: bool = False,
        **options: str,
    ) -> dict[str, Any]:
        env = {
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW__CORE__EXECUTOR": executor,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            **{f"AIRFLOW__OPENMETADATA_DAG_FACTORY__{name.upper()}": value for name, value in options.items()},
        }
        given = {"argv": argv, "component": component, "installed": installed, "broken": broken}
        done = forked_python.run(SCRIPT.replace("sys.argv[1]", repr(json.dumps(given)), 1), env=env)
        assert done.returncode == 0, done.stderr
        return {**json.loads(done.stdout.splitlines()[-1]), "log": done.stderr}

    return start


def test_a_scheduler_whose_workers_are_its_forks_imports_once_for_all_of_them(started: Started) -> None:
    done = started("scheduler")
    assert done["imports"] == 1
    assert "Imported openmetadata-ingestion for all runs of this worker" in done["log"]


def test_a_scheduler_that_has_imported_for_long_is_not_taken_for_dead(started: Started) -> None:
    before = datetime.now(timezone.utc)
    heartbeat = datetime.fromisoformat(started("scheduler")["heartbeat"])
    assert before < heartbeat < datetime.now(timezone.utc)
    assert started("triggerer")["heartbeat"] == "None"


def test_a_worker_of_celery_imports_before_it_forks(started: Started) -> None:
    done = started("celery", "worker")
    assert (done["connected"], done["imports"]) == (1, 1)
    assert started("celery", "flower")["connected"] == 0


@pytest.mark.parametrize("argv", ["dag-processor", "triggerer", "api-server", "tasks"])
def test_no_other_component_imports_it(started: Started, argv: str) -> None:
    done = started(argv)
    assert (done["imports"], done["templates"]) == (0, [])


def test_neither_does_a_task_nor_a_scheduler_whose_workers_are_elsewhere(started: Started) -> None:
    assert started("scheduler", component="TaskRunnerMarker")["imports"] == 0
    assert started("scheduler", executor="others.RemoteExecutor")["imports"] == 0
    assert started("scheduler", executor="others.RemoteExecutor,LocalExecutor")["imports"] == 1


def test_nothing_is_imported_where_it_is_not_wanted_or_not_installed(started: Started) -> None:
    done = started("scheduler", warm_start="False", allowed_pythons="/opt/other/bin/python")
    assert (done["imports"], done["templates"]) == (0, [])
    assert started("scheduler", installed=False)["imports"] == 0


def test_each_interpreter_that_a_config_may_choose_has_a_template(started: Started) -> None:
    done = started("scheduler", python="/opt/b/python", allowed_pythons="/opt/a/python", warm_start_idle="5")
    assert (done["imports"], done["templates"]) == (0, [[["/opt/a/python", "/opt/b/python"], 5]])


def test_an_import_that_fails_is_logged_once_and_keeps_no_worker_from_starting(started: Started) -> None:
    done = started("scheduler", broken=True)
    assert done["log"].count("start cold, each with imports of its own: ImportError: no module named 'a driver'") == 1
    assert "Imported" not in done["log"]


def test_so_is_a_setting_that_is_wrong(started: Started) -> None:
    assert started("scheduler", warm_start="maybe")["log"].count("warm_start is neither true nor false") == 1
