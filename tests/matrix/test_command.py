"""The command: which cells are looked at, at what, and what is printed of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.matrix.__main__ import failures, in_one_line, looks_of, parsed
from tools.matrix.cells import CELLS, MAIN
from tools.matrix.environments import PythonMissing, find_python
from tools.matrix.looks import LOOKS, Outcome

LIFE = "a pipeline's life in Airflow"


@pytest.mark.parametrize(
    ("arguments", "cells", "left_out", "is_written"),
    [
        ([], len(CELLS), set(), True),
        ([MAIN.name], 1, set(), True),
        (["--ci"], 2, {LIFE}, False),
        (["--fast"], len(CELLS), {look.title for look in LOOKS} - {"fast tests"}, False),
        (["--only", "samples", "--only", LIFE], len(CELLS), {"fast tests", "found by Airflow", "commands"}, True),
    ],
    ids=["all", "one", "ci", "fast", "only"],
)
def test_what_is_looked_at(arguments: list[str], cells: int, left_out: set[str], is_written: bool) -> None:
    options, chosen = parsed(arguments)
    assert len(chosen) == cells
    assert {look.title for look in LOOKS} - {look.title for look in looks_of(options)} == left_out
    assert options.is_written is is_written


def test_wrong_arguments_end_it_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        parsed(["2.0/3.9"])
    assert leaving.value.code == 2
    assert "Unknown cells: 2.0/3.9" in capsys.readouterr().err


def test_a_cell_is_one_line_and_what_failed_in_it_is_named_unless_it_may_fail() -> None:
    outcomes = {"fast tests": Outcome("8 passed, 1 failed", ("tests/x.py::test_y",)), "commands": Outcome("5 by x")}
    assert in_one_line(MAIN, outcomes) == f"{MAIN.name}: fast tests: 8 passed, 1 failed; commands: 5 by x"
    assert failures(MAIN, outcomes) == [f"{MAIN.name}, fast tests: tests/x.py::test_y"]
    (beta,) = (cell for cell in CELLS if cell.may_fail)
    assert failures(beta, outcomes) == []


def test_a_python_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    with pytest.raises(PythonMissing, match=r"Python 3\.99 is missing"):
        find_python("3.99")
