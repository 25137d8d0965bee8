"""The command `doctor`: its output for people and for programs, and its exit codes."""

from __future__ import annotations

import json
from argparse import Namespace
from typing import Any

import pytest

from dag_factory.cli.checks.every import CHECKS
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
