"""The command `doctor`: its output for people and for programs, and its exit codes."""

from __future__ import annotations

import json
from argparse import Namespace
from typing import Any

import pytest

from dag_factory.cli.checks.all_checks import CHECKS
from dag_factory.cli.doctor import doctor
from dag_factory.cli.exits import FAILED, FOUND
from tests.cli.checks.conftest import Machine, machine
from tests.cli.failing import fails
from tests.places import ROOT

__all__ = ["machine"]


def run(*checks: str, output: str = "text") -> int:
    """Run the command, and return its exit code."""
    try:
        doctor(Namespace(check=list(checks) or None, output=output))
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_where_all_is_well_it_ends_with_0_and_with_a_line_for_each_finding(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.drop("orders")
    assert run("locks", "configs") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["ok", "locks"], ["ok", "configs"]]


def test_something_wrong_is_1_and_what_can_t_be_looked_at_is_3(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    (machine.store / "bad.json").write_text("{")
    assert run("configs") == FOUND
    assert run("processes") == FAILED
    assert run("processes", "configs") == FOUND
    assert "unknown  processes" in capsys.readouterr().out


def test_a_program_gets_json(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.drop("orders")
    assert run("configs", output="json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    seconds: Any = found.pop("seconds")
    assert isinstance(seconds, float)
    assert found == {
        "check": "configs",
        "findings": [{"level": "ok", "text": "1 config is good", "way_out": ""}],
    }


def test_a_check_that_is_unknown_names_those_that_are_not(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    with fails(capsys, "The check 'canari' is unknown. Name one of: plugin, database"):
        doctor(Namespace(check=["canari"], output="text"))


def test_the_documentation_lists_every_check() -> None:
    page = (ROOT / "docs" / "commands" / "doctor.md").read_text()
    table = [line.split("|")[1:3] for line in page.splitlines() if line.startswith("| `")]
    assert [(name.strip(" `"), about.strip()) for name, about in table] == [(each.name, each.about) for each in CHECKS]


@pytest.mark.parametrize("output", ["text", "json"])
def test_no_secret_of_the_settings_is_printed(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], output: str
) -> None:
    canary = "c4n4ry-s3cret"
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"postgresql://airflow:{canary}@127.0.0.1:1/airflow")
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", canary)
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", f"http://user:{canary}@127.0.0.1:1")
    monkeypatch.setenv("AIRFLOW_CONN_OM", f"http://user:{canary}@127.0.0.1:1/?token={canary}")
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__OPENMETADATA_CONN_ID", "om")
    machine.drop("orders")
    document = json.loads((machine.store / "orders.json").read_text())
    document["openMetadataServerConnection"] = {
        "hostPort": f"http://u:{canary}@x",
        "securityConfig": {"jwtToken": canary},
    }
    (machine.store / "orders.json").write_text(json.dumps(document))
    run(output=output)
    captured = capsys.readouterr()
    assert "configs" in captured.out
    assert canary not in captured.out + captured.err
