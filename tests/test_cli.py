from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from airflow.providers_manager import ProvidersManager


@pytest.mark.skipif(not hasattr(ProvidersManager, "cli_command_functions"), reason="Airflow 3.1 asks for no commands")
def test_airflow_has_our_commands_and_their_help(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "airflow", "openmetadata-dag-factory", "watch", "--help"],
        env={"AIRFLOW_HOME": str(tmp_path), "PATH": "", "COLUMNS": "500"},
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Watch the config store until stopped" in done.stdout


def test_a_store_that_can_t_be_watched_ends_the_command_with_a_reason(tmp_path: Path) -> None:
    script = "from dag_factory import cli; from argparse import Namespace; cli.watch(Namespace())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={
            "AIRFLOW_HOME": str(tmp_path),
            "PATH": "",
            "AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE": " ",
        },
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "The config store is not watched. [openmetadata_dag_factory] config_store is empty" in (
        done.stdout + done.stderr
    )
