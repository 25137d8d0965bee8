"""A DAG processor imports once, before it forks a process for each parse, what each of them needs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import ROOT, TESTS

SAMPLES = TESTS / "samples"
# What is imported anew where a process parses the loader and serializes its DAGs, after a component has started.
IMPORTED = """
import json, sys
from pathlib import Path
root, broken, *command = sys.argv[1:]
sys.argv = ["airflow", *command]
from airflow.jobs.job import Job
import dag_factory.api_server.plugin as plugin
from tests.airflow_versions import DagSerialization, bag_of
assert "dag_factory.dag.load" not in sys.modules
if broken:
    sys.modules["airflow.providers.standard.sensors.external_task"] = None
Job()
sys.modules.pop("airflow.providers.standard.sensors.external_task" if broken else "", None)
from dag_factory.dag.load_settings import own_revision
has_revision = own_revision.cache_info().currsize == 1
before = set(sys.modules)
bag = bag_of(Path(root, "openmetadata_loader.py"), root=Path(root), bundle="dags-folder")
assert bag.dags and not bag.import_errors, bag.import_errors
for dag in bag.dags.values():
    DagSerialization.to_dict(dag)
print(json.dumps([has_revision, sorted(set(sys.modules) - before)]))
"""


def imported_anew(tmp_path: Path, *command: str, broken: bool = False) -> tuple[bool, set[str]]:
    """Return what a parse imports after a component's start, and whether the code's revision was known before it."""
    store = shutil.copytree(SAMPLES, tmp_path / "configs")
    env = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE": str(store),
        "AIRFLOW__OPENMETADATA_DAG_FACTORY__STATE_FOLDER": str(tmp_path / "state"),
    }
    arguments = [sys.executable, "-c", IMPORTED, str(ROOT / "dags"), "broken" if broken else "", *command]
    done = subprocess.run(arguments, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    has_revision, modules = json.loads(done.stdout.splitlines()[-1])
    return has_revision, {name for name in modules if name.startswith(("dag_factory.", "airflow.providers."))}


@pytest.mark.slow
def test_what_a_parse_needs_is_imported_when_a_dag_processor_starts(tmp_path: Path) -> None:
    has_revision, anew = imported_anew(tmp_path, "dag-processor")
    assert has_revision
    # It is of pipelines alone whose schedule is a preset such as @once.
    assert anew <= {"dag_factory.configs.timetables.presets"}


@pytest.mark.slow
@pytest.mark.parametrize("command", ["triggerer", "api-server"])
def test_no_other_component_imports_it(tmp_path: Path, command: str) -> None:
    _, anew = imported_anew(tmp_path, command)
    assert "dag_factory.dag.load" in anew


@pytest.mark.slow
def test_what_can_not_be_imported_keeps_no_dag_processor_from_starting(tmp_path: Path) -> None:
    has_revision, anew = imported_anew(tmp_path, "dag-processor", broken=True)
    assert has_revision
    assert "airflow.providers.standard.sensors.external_task" in anew
    assert "dag_factory.dag.load" not in anew
