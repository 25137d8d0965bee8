"""A program of a cell: what it prints, its limit of time, and that nothing of it goes on running."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from tools.matrix.runs import run

PYTHON = Path(sys.executable)
# Starts a child in a session of its own, where no signal to a terminal's group reaches it, and writes its process id.
WITH_CHILD = 'setsid sleep 60 & echo $! >"$0"; '


def is_gone(path: Path) -> bool:
    return not psutil.pid_exists(int(path.read_text()))


def test_its_exit_code_and_all_that_it_prints_are_known() -> None:
    code = "import sys; print('one', flush=True); print('two', file=sys.stderr); sys.exit(3)"
    ended = run([PYTHON, "-c", code], PYTHON, 60)
    assert (ended.code, ended.output.splitlines()) == (3, ["one", "two"])


def test_what_it_leaves_behind_is_ended(tmp_path: Path) -> None:
    assert run(["bash", "-c", WITH_CHILD, tmp_path / "pid"], PYTHON, 60).code == 0
    assert is_gone(tmp_path / "pid")


@pytest.mark.slow
def test_one_that_gets_stuck_is_stopped_with_all_that_it_has_started(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError, match="program still ran after 3 s"):
        run(["bash", "-c", f"trap '' TERM; {WITH_CHILD} wait", tmp_path / "pid"], PYTHON, 3, grace=0.1)
    assert is_gone(tmp_path / "pid")


def test_it_sees_no_settings_of_another_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "True")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    names = "[name for name in os.environ if name.startswith(('AIRFLOW', 'PYTHON'))]"
    ended = run([PYTHON, "-c", f"import os; print({names}, os.environ['PATH'])"], PYTHON, 60)
    assert ended.output.startswith(f"[] {PYTHON.parent}:")
