"""The command ``migrate``, in a process of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.forked_python import ForkedPython
from tests.managed_apis import KEPT, generated, keep

ORDERS = json.loads((KEPT / "sqlite_metadata_daily.json").read_text())
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path, forked_python: ForkedPython) -> Run:
    (tmp_path / "dags").mkdir()

    def run(*arguments: str, first: str = "") -> subprocess.CompletedProcess[str]:
        code = f"{first}\nfrom dag_factory.cli.__main__ import main; main(['migrate', *{arguments}])"
        ours = {"CONFIG_STORE": str(tmp_path / "configs"), "STATE_FOLDER": str(tmp_path / "state")}
        env = {
            "AIRFLOW_HOME": str(tmp_path),
            "PATH": "",
            "AIRFLOW__CORE__FERNET_KEY": "A" * 43 + "=",
            "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags"),
            **{f"AIRFLOW__OPENMETADATA_DAG_FACTORY__{name}": value for name, value in ours.items()},
        }
        return forked_python.run(code, env=env)

    return run


def document(name: str, **airflow: Any) -> dict[str, Any]:
    fields = {**ORDERS["airflowConfig"], **airflow}
    return {**ORDERS, "name": name, "fullyQualifiedName": f"svc.{name}", "airflowConfig": fields}


def test_it_makes_the_store_moves_all_and_writes_the_loader(tmp_path: Path, run: Run) -> None:
    keep(
        document("orders", pipelineTimezone="Europe/Berlin", workflowTimeout=3600), tmp_path / "kept", tmp_path / "dags"
    )
    done = run(str(tmp_path / "kept"), "--remove")
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stdout.splitlines()[:2] == [
        f"1 config in '{tmp_path}/kept': 1 was copied to the config store, 0 there already.",
        f"1 generated file in '{tmp_path}/dags': 1 removed.",
    ]
    assert "airflowConfig.pipelineTimezone has an effect now: the schedule was in UTC (1 pipeline):" in done.stdout
    assert "  orders: a run ends after 1:00:00." in done.stdout
    assert "What was changed is kept in" in done.stdout
    assert "airflow dags reserialize" in done.stderr
    assert sorted(path.name for path in (tmp_path / "dags").iterdir()) == ["openmetadata_loader.py"]
    assert (tmp_path / "configs" / "orders.json").is_file()
    assert not (tmp_path / "airflow.db").exists()


# Kills the command at the first file that it opens after it has removed a generated one.
KILL = """
import os, signal, sys
removed = False
def watch(event, args):
    global removed
    if event == "os.remove" and str(args[0]).endswith("orders.py"):
        removed = True
    elif removed and event == "open" and "openmetadata_loader" in str(args[0]):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
"""


@pytest.mark.parametrize("stays", [False, True], ids=["all", "but one"])
def test_killed_before_it_writes_the_loader_the_next_one_does(tmp_path: Path, run: Run, *, stays: bool) -> None:
    keep(document("orders"), tmp_path / "kept", tmp_path / "dags")
    if stays:
        keep(document("mine"), tmp_path / "kept")
        (tmp_path / "dags" / "mine.py").write_text(generated(tmp_path / "kept" / "mine.json") + "\nprint()")
    assert run(str(tmp_path / "kept"), "--remove", first=KILL).returncode == -9
    assert not (tmp_path / "dags" / "orders.py").exists()
    assert not (tmp_path / "dags" / "openmetadata_loader.py").exists()
    done = run(str(tmp_path / "kept"), "--remove")
    assert done.returncode == int(stays), done.stderr
    assert (tmp_path / "dags" / "openmetadata_loader.py").is_file()
    assert "airflow dags reserialize" in done.stderr


def test_a_dry_run_changes_nothing_and_its_json_names_everything(tmp_path: Path, run: Run) -> None:
    for number in range(12):
        keep(document(f"orders_{number}", email="a@example.com"), tmp_path / "kept", tmp_path / "dags")
    (tmp_path / "dags" / "mine.py").write_text(generated(tmp_path / "kept" / "orders_0.json") + "\nprint()")
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    done = run(str(tmp_path / "kept"), "--dry-run", "--output", "json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert [each["state"] for each in report["configs"]] == ["new"] * 12
    assert {each["differences"][0]["field"] for each in report["configs"]} == {"airflowConfig.email"}
    assert [each["file"] for each in report["generatedFiles"] if each["stays"]] == [str(tmp_path / "dags" / "mine.py")]
    assert (report["dryRun"], report["complete"], report["backup"], report["history"]) == (True, False, None, None)
    assert sorted(str(path) for path in tmp_path.rglob("*") if "logs" not in path.parts) == before
    text = run(str(tmp_path / "kept"), "--dry-run").stdout
    assert "12 configs in" in text
    assert "12 would be copied to the config store" in text
    assert "… and 2 more. --output json names all." in text


def test_what_can_t_be_done_is_one_line(tmp_path: Path, run: Run) -> None:
    done = run(str(tmp_path / "nowhere"))
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith(f"'{tmp_path}/nowhere' can't be listed: No such file or directory.")
    (tmp_path / "dags").rmdir()
    keep(document("orders"), tmp_path / "kept")
    done = run(str(tmp_path / "kept"))
    assert done.returncode == 3
    assert f"The DAGs folder '{tmp_path}/dags' is missing." in done.stderr


def test_a_loader_that_somebody_has_changed_is_left_and_what_was_done_is_said_all_the_same(
    tmp_path: Path, run: Run
) -> None:
    keep(document("orders"), tmp_path / "kept", tmp_path / "dags")
    (tmp_path / "dags" / "openmetadata_loader.py").write_text("mine")
    done = run(str(tmp_path / "kept"), "--remove")
    assert done.returncode == 3
    assert "1 generated file in" in done.stdout
    assert "is there already and differs from ours." in done.stderr
    assert (tmp_path / "dags" / "openmetadata_loader.py").read_text() == "mine"


def test_names_that_steer_a_terminal_are_printed_without_that(tmp_path: Path, run: Run) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "a\x1b[31m\n2 configs.json").write_text("[]")
    done = run(str(tmp_path / "kept"))
    assert done.returncode == 1
    assert "\x1b" not in done.stdout
    assert "Not moved:\n  config 'a[31m 2 configs.json'" in done.stdout
