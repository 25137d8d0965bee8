"""tools/environment.py: what a user sees while the environment is built."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import ROOT
from tools.environment import packages, step

LOG = """Looking in indexes: https://pypi.example
Collecting apache-airflow
  Downloading apache_airflow.whl
Collecting pydantic
"""


def test_it_counts_what_pip_has_looked_up_and_then_what_it_has_installed(tmp_path: Path) -> None:
    log = tmp_path / "pip.log"
    assert packages(tmp_path, log) == "0 packages found"
    log.write_text(LOG)
    assert packages(tmp_path, log) == "2 packages found"
    log.write_text(f"{LOG}Installing collected packages: pydantic, apache-airflow\n")
    for name in ("pip-1.0", "pydantic-2.0"):
        (tmp_path / "lib" / "python3.12" / "site-packages" / f"{name}.dist-info").mkdir(parents=True)
    assert packages(tmp_path, log) == "2 of 3 packages"


def test_what_fails_is_said_with_the_end_of_its_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "pip.log"
    script = "for n in range(100): print('line', n)\nraise SystemExit(1)"
    assert not step("Installing", [sys.executable, "-c", script], log=log)
    said = capsys.readouterr()
    assert said.err.startswith("  Installing failed:\nline 80\n")
    assert said.err.endswith(f"line 99\nAll of it is in {log}.\n")


def test_it_says_what_it_does_and_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert step("Installing", [sys.executable, "-c", ""], far=lambda: "2 of 3")
    # On a busy machine, it takes longer.
    assert re.fullmatch(r"  Installing \.\.\. 2 of 3  \d+ s\n", capsys.readouterr().out)


def test_it_needs_the_standard_library_alone() -> None:
    script = "import sys; sys.argv = ['x']; import runpy; runpy.run_path('tools/environment.py')"
    subprocess.run([sys.executable, "-I", "-S", "-c", script], cwd=ROOT, check=True)
