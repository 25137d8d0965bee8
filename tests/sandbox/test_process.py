import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.process import Process, ProcessDied
from tests.places import ROOT
from tests.waiting import is_running, wait_for

SLEEP = "import time; time.sleep(60)"
# Writes its own process id and that of a child, which is in a session of its own, where no group's signal reaches it.
FAMILY = f"""
import os, pathlib, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {SLEEP!r}], start_new_session=True)
pathlib.Path(sys.argv[1]).write_text(f"{{os.getpid()}} {{child.pid}} .")
"""


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def start(tmp_path: Path, command: list[str], grace: float = 3.0) -> Process:
    return Process(command, env=os.environ, log=tmp_path / "logs" / "worker.log", grace=grace)


def pids_in(path: Path) -> list[int]:
    wait_for(lambda: path.exists() and path.read_text().endswith("."))
    return [int(pid) for pid in path.read_text().split()[:-1]]


def none_runs(pids: list[int]) -> bool:
    return not any(map(is_running, pids))


def test_what_a_process_says_is_in_its_log(tmp_path: Path) -> None:
    process = start(tmp_path, python("import sys; print('one', flush=True); print('two', file=sys.stderr)"))
    process.wait(20)
    assert process.tail() == "one\ntwo"
    assert process.tail(lines=1) == "two"
    process.stop()


def test_one_that_ended_is_named_with_its_exit_code_and_the_end_of_its_log(tmp_path: Path) -> None:
    process = start(tmp_path, python("import sys; print('no such database'); sys.exit(3)"))
    with pytest.raises(ProcessDied, match=r"(?s)^worker ended with exit code 3\..*no such database"):
        process.wait(20)
    with pytest.raises(ProcessDied, match="exit code 3"):
        process.check()
    process.stop()


def test_a_signal_that_ended_it_is_in_the_exit_code(tmp_path: Path) -> None:
    process = start(tmp_path, python("import os; os.kill(os.getpid(), 9)"))
    with pytest.raises(ProcessDied, match="exit code 137"):
        process.wait(20)
    process.stop()


def test_one_that_takes_too_long_is_a_timeout_and_still_runs(tmp_path: Path) -> None:
    process = start(tmp_path, python(SLEEP))
    with pytest.raises(TimeoutError, match="worker still ran after 0 s"):
        process.wait(0.1)
    process.check()
    process.stop()


def test_stopping_reaches_a_grandchild_in_a_session_of_its_own(tmp_path: Path) -> None:
    process = start(tmp_path, python(FAMILY + SLEEP, str(tmp_path / "pids")))
    pids = pids_in(tmp_path / "pids")
    process.stop()
    assert none_runs([process.pid, *pids])


def test_one_that_ends_by_itself_leaves_nothing_behind(tmp_path: Path) -> None:
    process = start(tmp_path, python(FAMILY, str(tmp_path / "pids")))
    process.wait(20)
    assert none_runs(pids_in(tmp_path / "pids"))
    process.stop()


def test_one_that_ignores_sigterm_is_killed_when_the_grace_is_over(tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    process = start(tmp_path, python(deaf + FAMILY + SLEEP, str(tmp_path / "pids")), grace=0.3)
    pids = pids_in(tmp_path / "pids")
    process.stop()
    assert none_runs(pids)


def test_stopping_twice_does_nothing_more(tmp_path: Path) -> None:
    process = start(tmp_path, python(SLEEP))
    process.stop()
    process.stop()
    assert process.exit_code == 128 + signal.SIGTERM


def test_nothing_survives_when_the_parent_is_killed(tmp_path: Path) -> None:
    code = f"""
import os, pathlib, time
from sandbox.process import Process
Process({python(FAMILY + SLEEP, str(tmp_path / "pids"))!r}, env=os.environ, log=pathlib.Path({str(tmp_path / "log")!r}))
time.sleep(60)
"""
    parent = subprocess.Popen(python(code), cwd=ROOT)
    pids = pids_in(tmp_path / "pids")
    parent.kill()
    parent.wait()
    wait_for(lambda: none_runs(pids))


def test_a_command_that_does_not_exist_is_said_so_in_the_log(tmp_path: Path) -> None:
    process = start(tmp_path, ["no-such-command"])
    with pytest.raises(ProcessDied, match="no-such-command"):
        process.wait(20)
    process.stop()
