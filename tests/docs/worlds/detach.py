"""An Airflow that has stored the DAGs of the example, of which one has a schedule, and parses them no more."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.cli.test_detach import airflow_home
from tests.places import ROOT


@contextmanager
def world(folder: Path) -> Iterator[Mapping[str, str]]:
    env = airflow_home(folder)
    command = [sys.executable, "-m", "tests.cli.stored_dags", "stale"]
    subprocess.run(command, env=env, cwd=ROOT, capture_output=True, check=True)
    names = ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE")
    yield {name: env[name] for name in names}
