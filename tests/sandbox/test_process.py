import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from sandbox.process import Process, ProcessDied
from sandbox.template import Template
from tests.places import ROOT
from tests.waiting import is_running, wait_for

SLEEP = "import time; time.sleep(60)"
# Writes its own process id and that of a child, which is in a session of its own, where no group's signal reaches it.
FAMILY = f"""
import os, pathlib, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {SLEEP!r}], start_new_session=True)
pathlib.Path(sys.argv[1]).write_text(f"{{os.getpid()}} {{child.pid}} .")
"""


Start = Callable[..., Process]


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "tests.sandbox.executing", code, *arguments]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Template]:
    log = tmp_path_factory.mktemp("template") / "log"
    with Template(sys.executable, ["json.tool", "no_such_module"], env=os.environ, cwd=ROOT, log=log) as template:
        yield template


@pytest.fixture(params=["started", "forked"])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Start:
    """Start a command of Python by itself, or by a template."""
    template = request.getfixturevalue("template") if request.param == "forked" else None

    def make(command: list[str], grace: float = 3.0) -> Process:
        log = tmp_path / "logs" / "worker.log"
        return Process(command, env=os.environ, log=log, cwd=ROOT, grace=grace, template=template)

    return make


def pids_in(path: Path) -> list[int]:
    wait_for(lambda: path.exists() and path.read_text().endswith("."))
    return [int(pid) for pid in path.read_text().split()[:-1]]


def none_runs(pids: list[int]) -> bool:
    return not any(map(is_running, pids))


def test_what_a_process_says_is_in_its_log(start: Start) -> None:
    process = start(python("import sys; print('one', flush=True); print('two', file=sys.stderr)"))
    process.wait(20)
    assert process.tail() == "one\ntwo"
    assert process.tail(lines=1) == "two"
    process.stop()


def test_one_that_ended_is_named_with_its_exit_code_and_the_end_of_its_log(start: Start) -> None:
    process = start(python("import sys; print('no such database'); sys.exit(3)"))
    with pytest.raises(ProcessDied, match=r"(?s)^worker ended with exit code 3\..*no such database"):
        process.wait(20)
    with pytest.raises(ProcessDied, match="exit code 3"):
        process.check()
    process.stop()


def test_a_signal_that_ended_it_is_in_the_exit_code(start: Start) -> None:
    process = start(python("import os; os.kill(os.getpid(), 9)"))
    with pytest.raises(ProcessDied, match="exit code 137"):
        process.wait(20)
    process.stop()


def test_one_that_takes_too_long_is_a_timeout_and_still_runs(start: Start) -> None:
    process = start(python(SLEEP))
    with pytest.raises(TimeoutError, match="worker still ran after 0 s"):
        process.wait(0.1)
    process.check()
    process.stop()


def test_stopping_reaches_a_grandchild_in_a_session_of_its_own(start: Start, tmp_path: Path) -> None:
    process = start(python(FAMILY + SLEEP, str(tmp_path / "pids")))
    pids = pids_in(tmp_path / "pids")
    process.stop()
    assert none_runs([process.pid, *pids])


def test_one_that_ends_by_itself_leaves_nothing_behind(start: Start, tmp_path: Path) -> None:
    process = start(python(FAMILY, str(tmp_path / "pids")))
    process.wait(20)
    assert none_runs(pids_in(tmp_path / "pids"))
    process.stop()


def test_one_that_ignores_sigterm_is_killed_when_the_grace_is_over(start: Start, tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    process = start(python(deaf + FAMILY + SLEEP, str(tmp_path / "pids")), grace=0.3)
    pids = pids_in(tmp_path / "pids")
    process.stop()
    assert none_runs(pids)


def test_stopping_twice_does_nothing_more(start: Start) -> None:
    process = start(python(SLEEP))
    process.stop()
    process.stop()
    assert process.exit_code == 128 + signal.SIGTERM


@pytest.mark.parametrize("forked", [False, True])
def test_nothing_survives_when_the_parent_is_killed(tmp_path: Path, forked: bool) -> None:
    code = f"""
import os, pathlib, sys, time
from sandbox.process import Process
from sandbox.template import Template
here = pathlib.Path({str(tmp_path)!r})
template = None
if {forked}:
    template = Template(sys.executable, [], env=os.environ, cwd=here, log=here / "template.log")
    template.start()
command = {python(FAMILY + SLEEP, str(tmp_path / "pids"))!r}
process = Process(command, env=os.environ, log=here / "log", template=template)
time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    pids = pids_in(tmp_path / "pids")
    below = [each.pid for each in psutil.Process(parent.pid).children(recursive=True)]
    assert set(pids) < set(below)
    parent.kill()
    parent.wait()
    wait_for(lambda: none_runs(below))


def test_a_leash_that_is_killed_has_an_exit_code(start: Start, tmp_path: Path) -> None:
    process = start(python(FAMILY + SLEEP, str(tmp_path / "pids")))
    family = pids_in(tmp_path / "pids")
    os.kill(process.pid, signal.SIGKILL)
    wait_for(lambda: process.exit_code is not None)
    assert process.exit_code == -signal.SIGKILL
    process.stop()
    for pid in family:
        os.kill(pid, signal.SIGKILL)


def test_what_a_template_has_imported_is_there_in_each_program_and_what_one_changes_is_not(
    template: Template, tmp_path: Path
) -> None:
    code = "import sys; assert 'json.tool' in sys.modules; assert not hasattr(sys, 'changed'); sys.changed = True"
    for number in range(2):
        log = tmp_path / f"{number}.log"
        process = Process(python(code), env={}, log=log, template=template)
        process.wait(20)
        process.stop()


def test_programs_of_a_template_end_with_it(tmp_path: Path) -> None:
    command = python(FAMILY + SLEEP, str(tmp_path / "pids"))
    with Template(sys.executable, [], env=os.environ, cwd=ROOT, log=tmp_path / "template.log") as template:
        process = Process(command, env={}, log=tmp_path / "log", template=template)
        pids = pids_in(tmp_path / "pids")
    assert none_runs(pids)
    assert process.exit_code is not None
    process.stop()
    with pytest.raises(ProcessDied, match="the template does not run"):
        Process(command, env={}, log=tmp_path / "log", template=template)


def test_a_template_that_is_killed_is_named_when_something_is_to_be_forked(tmp_path: Path) -> None:
    with Template(sys.executable, [], env=os.environ, cwd=ROOT, log=tmp_path / "template.log") as template:
        (forking,) = psutil.Process(template.pid).children()
        forking.kill()
        with pytest.raises(ProcessDied, match="template ended with exit code 137"):
            Process(python("pass"), env={}, log=tmp_path / "log", template=template)


def test_nothing_is_forked_where_an_import_has_started_a_thread(tmp_path: Path) -> None:
    modules = ["tests.sandbox.with_thread"]
    template = Template(sys.executable, modules, env=os.environ, cwd=ROOT, log=tmp_path / "template.log")
    with pytest.raises(ProcessDied, match="Nothing can be forked: an import has started"), template:
        pass


def test_a_template_runs_nothing_but_modules_of_its_own_interpreter(template: Template, tmp_path: Path) -> None:
    for command in (["/bin/python", "-m", "json.tool"], [sys.executable, "-c", "pass"]):
        with pytest.raises(ValueError, match="A template runs modules by"):
            Process(command, env={}, log=tmp_path / "log", template=template)


def test_a_module_that_does_not_exist_is_said_so_in_the_log(template: Template, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "no_such_module"]
    process = Process(command, env={}, log=tmp_path / "worker.log", template=template)
    with pytest.raises(ProcessDied, match=r"(?s)worker ended with exit code 1\..*No module named no_such_module"):
        process.wait(20)
    process.stop()


def test_a_command_that_does_not_exist_is_said_so_in_the_log(tmp_path: Path) -> None:
    process = Process(["no-such-command"], env=os.environ, log=tmp_path / "worker.log")
    with pytest.raises(ProcessDied, match="no-such-command"):
        process.wait(20)
    process.stop()
