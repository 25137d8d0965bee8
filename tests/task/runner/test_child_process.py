"""Children: what they print is logged without secrets, their outcome is reported, and nothing of them is left."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from dag_factory.errors import ConfigError, WorkflowError
from dag_factory.portable.openmetadata.counts import summary_of
from dag_factory.portable.secrets.masking import Mask
from dag_factory.task.runner.child_process import Child
from dag_factory.task.runner.interpreter import environment
from dag_factory.task.runner.templates import start_templates
from tests import waiting
from tests.child_processes import pid_of, stop_templates
from tests.places import ROOT

Interpreter = Callable[[str], str]

CANARY = 'canary-0f3a/%"x'

# Starts a process of its own, tells the ids of both, and waits.
FAMILY = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
with open(job["pids"], "w") as pids:
    pids.write(f"{os.getpid()} {child.pid} .")
"""
WAIT = "time.sleep(60)"
# Starts a daemon that ignores SIGTERM, and waits until it has sent its id.
DAEMON = """
if not os.fork():
    os.setsid()
    if not os.fork():
        import signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with open(job["pids"], "w") as pids:
            pids.write(f"{os.getpid()} .")
        time.sleep(60)
    os._exit(0)
while not os.path.exists(job["pids"]):
    time.sleep(0.01)
time.sleep(0.1)
"""


def child(python: str) -> Child:
    return Child(python, environment(python), Mask(in_airflow=False))


def run(python: str, **job: Any) -> Any:
    return child(python).run("any", job)


def none_runs(pids: list[int]) -> bool:
    return not any(map(waiting.is_running, pids))


def is_gone(child: Child) -> bool:
    """Return whether a child was started and has ended."""
    return (pid := pid_of(child)) is not None and none_runs([pid])


def wait_until_none_runs(pids: list[int]) -> None:
    # Killed they are when this is asked for; gone, a moment later.
    wait_for(lambda: none_runs(pids))


wait_for = partial(waiting.wait_for, timeout=20)


def pids_in(path: Path) -> list[int]:
    wait_for(lambda: path.exists() and path.read_text().endswith("."))
    return [int(pid) for pid in path.read_text().split()[:-1]]


@pytest.fixture(params=["started", "forked"])
def interpreter(request: pytest.FixtureRequest, interpreter: Interpreter) -> Interpreter:
    """Make an interpreter as `interpreter` does: one that is started for each child, or that forks each."""

    def make(body: str) -> str:
        python = interpreter(body)
        if request.param == "forked":
            stop_templates()
            start_templates([python], idle=60)
        return python

    return make


@pytest.fixture(autouse=True)
def _nothing_is_left_in_this_process() -> Iterator[None]:
    """Neither a thread nor an open file outlives a run, however it ends."""
    threads, files = set(threading.enumerate()), psutil.Process().num_fds()
    yield
    stop_templates()
    assert set(threading.enumerate()) <= threads
    assert psutil.Process().num_fds() <= files


@pytest.fixture
def ending_soon(tmp_path: Path) -> Iterator[Callable[[Callable[[], None]], None]]:
    """Do something once the child has sent its process ids."""
    threads = []

    def start(action: Callable[[], None]) -> None:
        def act() -> None:
            pids_in(tmp_path / "pids")
            action()

        threads.append(threading.Thread(target=act))
        threads[-1].start()

    yield start
    for thread in threads:
        thread.join()


def test_a_job_goes_in_and_its_result_comes_out(interpreter: Interpreter) -> None:
    python = interpreter('return {"given": job, "sum": 2}')
    assert run(python, a=[1, {"b": None}]) == {"given": {"a": [1, {"b": None}]}, "sum": 2}


def test_a_job_larger_than_a_pipe_is_read_whole(interpreter: Interpreter) -> None:
    assert run(interpreter("return len(job['text'])"), text="x" * 3_000_000) == 3_000_000


def test_log_records_come_with_their_level_and_logger_and_other_lines_as_they_are(
    interpreter: Interpreter, caplog: pytest.LogCaptureFixture
) -> None:
    python = interpreter("""
        import logging, sys, warnings
        logging.getLogger("metadata.Ingestion").warning("%d of %s", 3, "five")
        logging.getLogger("quiet").debug("not worth a line")
        logging.getLogger("metadata").setLevel("DEBUG")
        logging.getLogger("metadata.Utils").debug("wanted")
        try:
            1 / 0
        except ZeroDivisionError:
            logging.getLogger("x").exception("went wrong")
        print("printed")
        sys.stderr.write("half a line")
    """)
    run(python)
    said = {(record.name, record.levelname): record.getMessage() for record in caplog.records}
    assert said["metadata.Ingestion", "WARNING"] == "3 of five"
    assert said["metadata.Utils", "DEBUG"] == "wanted"
    assert "ZeroDivisionError: division by zero" in said["x", "ERROR"]
    assert said["openmetadata_ingestion.stdout", "INFO"] == "printed"
    assert said["openmetadata_ingestion.stderr", "WARNING"] == "half a line"
    assert "not worth a line" not in said.values()


def test_no_colours_come_from_a_child_and_none_in_the_middle_of_a_secret_shows_it(
    interpreter: Interpreter, caplog: pytest.LogCaptureFixture
) -> None:
    python = interpreter(r"""
        import logging, os, sys
        on_secret("canary-0f3a")
        split = "can\x1b[0mary-0f3a"
        logging.getLogger("metadata.Ingestion").warning("\x1b[33mrecord\x1b[0m %s", split)
        print("\x1b[1mprinted\x1b[0m", split)
        # What a program that ingestion starts, or C code, writes.
        os.write(1, f"\x1b[32mwritten\x1b[0m {split}\n".encode())
        os.write(2, f"\x1b[31mwritten, too\x1b[0m {split}\n".encode())
        raise ValueError(f"\x1b[31mfailed\x1b[0m {split}")
    """)
    with pytest.raises(WorkflowError, match=r"^ValueError: failed \*\*\*$"):
        run(python)
    said = {record.getMessage() for record in caplog.records}
    assert {"record ***", "printed ***", "written ***", "written, too ***"} <= said
    assert "\x1b" not in caplog.text


def test_lines_are_logged_as_they_come(interpreter: Interpreter, tmp_path: Path) -> None:
    class Answers(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            (tmp_path / "answer").write_text(record.getMessage())

    python = interpreter("""
        import pathlib, time
        print("question")
        while not pathlib.Path(job["answer"]).exists():
            time.sleep(0.02)
    """)
    logger, handler = logging.getLogger("openmetadata_ingestion.stdout"), Answers()
    logger.addHandler(handler)
    try:
        run(python, answer=str(tmp_path / "answer"))
    finally:
        logger.removeHandler(handler)
    assert (tmp_path / "answer").read_text() == "question"


def test_secrets_that_the_parent_knows_or_the_child_learns_are_in_no_line_and_no_error(
    interpreter: Interpreter, caplog: pytest.LogCaptureFixture
) -> None:
    python = interpreter("""
        import logging, sys
        on_secret(job["learnt"])
        print("out", job["learnt"], job["known"])
        print("err", job["learnt"], file=sys.stderr)
        logging.getLogger("a").info("log %s %r", job["learnt"], job)
        raise ValueError(f"failed with {job['known']} and {job['learnt']}")
    """)
    mask = Mask(in_airflow=False)
    mask.add(CANARY)
    learnt = "learnt-" + CANARY
    with pytest.raises(WorkflowError, match=r"^ValueError: failed with \*\*\* and \*\*\*$"):
        Child(python, environment(python), mask).run("any", {"known": CANARY, "learnt": learnt})
    assert "out *** ***" in caplog.text
    assert "err ***" in caplog.text
    assert "Traceback" in caplog.text
    assert "canary" not in caplog.text


def test_no_line_is_logged_before_the_secret_in_it_is_known(
    interpreter: Interpreter, caplog: pytest.LogCaptureFixture
) -> None:
    python = interpreter("""
        import os
        for number in range(300):
            on_secret(f"canary-{number}-")
            # Past this process's own mask, as what it starts does.
            os.write(1, f"canary-{number}-\\n".encode())
    """)
    run(python)
    assert [record.getMessage() for record in caplog.records] == ["***"] * 300


def test_secrets_are_hidden_from_what_the_child_logs_to_others_as_well(
    interpreter: Interpreter, tmp_path: Path
) -> None:
    log = tmp_path / "streamed.log"
    python = interpreter(f"""
        import logging
        logging.getLogger().addHandler(logging.FileHandler({str(log)!r}))
        on_secret("learnt-in-the-child")
        logging.getLogger("metadata").warning("%s and %s", "known-to-the-parent", "learnt-in-the-child")
    """)
    mask = Mask(in_airflow=False)
    mask.add("known-to-the-parent")
    Child(str(python), {"PATH": ""}, mask).run("run", {})
    assert log.read_text() == "*** and ***\n"


def test_a_job_is_in_no_argument_no_variable_and_no_file_that_the_child_has_open(interpreter: Interpreter) -> None:
    python = interpreter("""
        import os, pathlib, sys
        me = pathlib.Path("/proc/self")
        guard = pathlib.Path("/proc") / str(os.getppid())
        return {
            "seen": [(each / name).read_bytes().decode() for each in (me, guard) for name in ("cmdline", "environ")],
            "stdin": sys.stdin.read(),
            "files": [os.readlink(each) for each in (me / "fd").iterdir() if each.exists()],
        }
    """)
    found = run(python, secret=CANARY)
    assert len(found["seen"]) == 4
    assert CANARY not in json.dumps(found["seen"])
    assert found["stdin"] == ""
    assert all(file.startswith(("/dev/null", "pipe:", "/proc/")) for file in found["files"]), found["files"]


def test_the_child_s_errors_are_raised_here(interpreter: Interpreter) -> None:
    with pytest.raises(ConfigError, match=r"field 'service\.name': is wrong") as error:
        run(
            interpreter(
                'from dag_factory.errors import ConfigError; raise ConfigError("is wrong", field="service.name")'
            )
        )
    assert error.value.field == "service.name"
    with pytest.raises(WorkflowError, match=r"^no such service$"):
        run(interpreter('from dag_factory.errors import WorkflowError; raise WorkflowError("no such service")'))
    with pytest.raises(WorkflowError, match=r"^KeyError: 'x'$"):
        run(interpreter('raise KeyError("x")'))


def test_what_a_failed_workflow_has_counted_arrives_with_its_error(interpreter: Interpreter) -> None:
    python = interpreter("""
        from dag_factory.portable.openmetadata.counts import with_summary
        raise with_summary(KeyError("x"), {"Source": {"errors": 2}})
    """)
    with pytest.raises(WorkflowError) as error:
        run(python)
    assert summary_of(error.value) == {"Source": {"errors": 2}}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("import os; os._exit(0)", "ended with exit code 0 and without a result"),
        ("import sys; sys.exit(7)", "ended with exit code 7 and without a result"),
        ("import os; os.kill(os.getpid(), 11)", "ended by the signal SIGSEGV"),
        ("import os; os.kill(os.getpid(), 9)", r"killed \(SIGKILL\)\. Unless a user did that, .* out of memory"),
    ],
)
def test_an_end_without_a_result_is_a_failure_that_says_what_happened(
    interpreter: Interpreter, body: str, sentence: str
) -> None:
    with pytest.raises(WorkflowError, match=sentence):
        run(interpreter(body))


def test_a_result_counts_however_its_process_ends(interpreter: Interpreter, caplog: pytest.LogCaptureFixture) -> None:
    assert run(interpreter("import atexit, os; atexit.register(os.kill, os.getpid(), 11); return 1")) == 1
    assert "The job is done, but afterwards the child process was ended by the signal SIGSEGV" in caplog.text


@pytest.mark.slow
def test_a_thread_that_is_left_delays_nothing_for_long(
    interpreter: Interpreter, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    python = interpreter("""
        import pathlib, threading, time
        def linger():
            time.sleep(30)
            pathlib.Path(job["end"]).touch()
        threading.Thread(target=linger).start()
        if job["fails"]:
            raise ValueError("failed")
        return 1
    """)
    assert run(python, end=str(tmp_path / "end"), fails=False) == 1
    assert "its process does not end: a thread or child process may still run" in caplog.text
    with pytest.raises(WorkflowError, match=r"^ValueError: failed$"):
        run(python, end=str(tmp_path / "end"), fails=True)
    assert not (tmp_path / "end").exists()


def test_what_is_to_run_at_exit_runs(interpreter: Interpreter, tmp_path: Path) -> None:
    run(interpreter("import atexit, pathlib; atexit.register(pathlib.Path(job['at']).touch)"), at=str(tmp_path / "at"))
    assert (tmp_path / "at").exists()


def test_nothing_is_taken_down_at_the_end_that_might_crash(
    interpreter: Interpreter, caplog: pytest.LogCaptureFixture
) -> None:
    python = interpreter("""
        import os, sys
        class Crashes:
            def __del__(self):
                os.kill(os.getpid(), 11)
        sys.modules["crashes"] = Crashes()
        return 1
    """)
    assert run(python) == 1
    assert not caplog.records


def test_an_interpreter_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorkflowError, match=r"no-python' can't be started here: No such file"):
        run(str(tmp_path / "no-python"))


def test_a_program_that_is_no_interpreter_fails_whatever_it_does_with_its_input(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nexec true\n")
    program.chmod(0o755)
    with pytest.raises(WorkflowError, match="exit code 0 and without a result"):
        run(str(program), text="x" * 3_000_000)


def test_much_output_on_all_ways_blocks_nobody(interpreter: Interpreter, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    python = interpreter("""
        import logging, sys
        for number in range(3000):
            print("x" * 200)
            sys.stderr.write("y" * 200)
            logging.getLogger("a").info("z" * 200)
        return number
    """)
    assert run(python) == 2999


@pytest.mark.slow
def test_a_flood_of_output_and_a_slow_log_keep_nobody_from_ending_it(interpreter: Interpreter) -> None:
    class Slow(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            time.sleep(0.001)

    logger, handler = logging.getLogger("openmetadata_ingestion.stdout"), Slow()
    logger.addHandler(handler)
    try:
        with pytest.raises(WorkflowError, match=r"^the child process took longer than 1 s, so it was ended"):
            child(interpreter("while True: print('x' * 100)")).run("any", {}, timeout=1)
    finally:
        logger.removeHandler(handler)


def test_a_child_that_says_more_than_is_logged_waits(interpreter: Interpreter, tmp_path: Path) -> None:
    written = tmp_path / "written"

    class Stuck(logging.Handler):
        """Takes its first line when the child has written no more for a while."""

        found = 0

        def emit(self, _: logging.LogRecord) -> None:
            before = -1
            while not self.found and (now := written.stat().st_size) != before:
                before = now
                time.sleep(0.3)
            self.found = self.found or before

    python = interpreter("""
        import os
        with open(job["written"], "wb", buffering=0) as written:
            for _ in range(4000):
                written.write(b".")
                os.write(1, b"x" * 999 + b"\\n")
    """)
    logger, handler = logging.getLogger("openmetadata_ingestion.stdout"), Stuck()
    logger.addHandler(handler)
    try:
        run(python, written=str(written))
    finally:
        logger.removeHandler(handler)
    # What a pipe holds, and the few pieces that wait.
    assert 0 < handler.found < 1200
    assert written.stat().st_size == 4000


@pytest.mark.slow
def test_one_that_closes_its_pipes_is_waited_for(interpreter: Interpreter, tmp_path: Path) -> None:
    python = interpreter("""
        import os, pathlib, sys, time
        for each in (1, 2):
            os.close(each)
        time.sleep(0.5)
        pathlib.Path(job["at"]).touch()
        if job["all"]:
            os.close(int(sys.argv[1]))
            time.sleep(0.5)
            os._exit(7)
        return 1
    """)
    assert run(python, at=str(tmp_path / "at"), all=False) == 1
    with pytest.raises(WorkflowError, match="ended with exit code 7 and without a result"):
        run(python, at=str(tmp_path / "at"), all=True)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody but init adopts orphans")
def test_what_has_left_a_guard_that_is_killed_holds_nobody_up(interpreter: Interpreter, tmp_path: Path) -> None:
    python = interpreter(f"import os, time\n{DAEMON}\nprint('last words')\nos.kill(os.getppid(), 9)\ntime.sleep(60)")
    try:
        with pytest.raises(WorkflowError, match=r"killed \(SIGKILL\)"):
            run(python, pids=str(tmp_path / "pids"))
    finally:
        for pid in pids_in(tmp_path / "pids"):
            os.kill(pid, signal.SIGKILL)


def test_an_error_of_the_thread_that_reads_is_raised_and_ends_the_child(interpreter: Interpreter) -> None:
    here = child(interpreter("import time; time.sleep(60)"))
    here._events.put(MemoryError("no more"))
    with pytest.raises(MemoryError, match="no more"):
        here.run("any", {})
    assert is_gone(here)


def test_texts_and_results_come_whole_in_any_script(interpreter: Interpreter, caplog: pytest.LogCaptureFixture) -> None:
    text = "ä\N{PILE OF POO}" * 200_000
    python = interpreter("""
        import logging
        logging.getLogger("a").info("logged %s", job["text"])
        if job["fails"]:
            raise ValueError(job["text"])
        return job["text"]
    """)
    assert run(python, text=text, fails=False) == text
    assert f"logged {text}" in caplog.messages
    with pytest.raises(WorkflowError) as error:
        run(python, text=text, fails=True)
    assert str(error.value) == f"ValueError: {text}"


def test_a_text_that_is_too_long_says_that_it_is_shortened_and_shows_no_half_of_a_secret(
    interpreter: Interpreter, caplog: pytest.LogCaptureFixture
) -> None:
    python = interpreter("""
        import logging
        on_secret(job["secret"])
        text = "ä" * (1024 * 1024 - 20) + job["secret"] + "x" * 1_000_000
        logging.getLogger("a").info(text)
        raise ValueError(text)
    """)
    with pytest.raises(WorkflowError, match=r"… \(shortened\)$") as error:
        run(python, secret=CANARY * 4)
    assert caplog.messages[0].endswith("… (shortened)")
    assert "canary" not in caplog.text + str(error.value)


def test_a_result_that_no_message_can_carry_is_a_failure_that_says_so(interpreter: Interpreter) -> None:
    with pytest.raises(WorkflowError, match="a message of the child takes more than"):
        run(interpreter("return 'x' * (64 * 1024 * 1024)"))


def test_a_printed_line_that_is_too_long_is_cut_but_never_within_a_secret(
    interpreter: Interpreter, caplog: pytest.LogCaptureFixture
) -> None:
    python = interpreter("""
        on_secret(job["secret"])
        for before in (1024 * 1024 - 10, 1024 * 1024 - 70_000):
            print("x" * before + job["secret"] * 5000 + "\\nnext")
    """)
    run(python, secret=CANARY)
    assert "canary" not in caplog.text
    cut, following, *_ = caplog.messages
    assert cut.startswith("x" * 900_000)
    assert cut.endswith("… (the rest of a very long line is left out)")
    assert following == "next"


def test_what_a_child_leaves_behind_ends_with_it_and_delays_nothing(interpreter: Interpreter, tmp_path: Path) -> None:
    run(interpreter(FAMILY), pids=str(tmp_path / "pids"))
    wait_until_none_runs(pids_in(tmp_path / "pids"))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody but init adopts orphans")
@pytest.mark.parametrize("end", ["return 1", "os.kill(os.getpid(), 9)", "time.sleep(60)"])
def test_so_does_what_has_left_its_session_and_its_parent(
    interpreter: Interpreter, tmp_path: Path, ending_soon: Callable[[Callable[[], None]], None], end: str
) -> None:
    here = child(interpreter(f"import os, time\n{DAEMON}\n{end}"))
    ending_soon(here.terminate if "sleep" in end else lambda: None)
    with suppress(WorkflowError):
        here.run("any", {"pids": str(tmp_path / "pids")})
    assert none_runs(pids_in(tmp_path / "pids"))


@pytest.mark.slow
@pytest.mark.parametrize("deaf", ["", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"])
def test_one_that_is_terminated_ends_with_its_whole_group_even_if_it_is_deaf(
    interpreter: Interpreter, tmp_path: Path, ending_soon: Callable[[Callable[[], None]], None], deaf: str
) -> None:
    here = child(interpreter(deaf + FAMILY + WAIT))
    ending_soon(here.terminate)
    with pytest.raises(WorkflowError, match=r"^the child process was asked to end"):
        here.run("any", {"pids": str(tmp_path / "pids")})
    wait_until_none_runs(pids_in(tmp_path / "pids"))
    assert is_gone(here)


# Stages something, and goes on, deaf, until it is killed.
STAGE = """
import os, signal, time
from dag_factory.portable.ingestion.staging import Staging
signal.signal(signal.SIGTERM, signal.SIG_IGN)
staging = Staging(on_folder)
for _ in range(2):
    (staging.folder(job["place"]) / "queries").write_text("SELECT canary")
with open(job["pids"], "w") as pids:
    pids.write(f"{os.getpid()} .")
time.sleep(60)
"""


@pytest.mark.slow
@pytest.mark.parametrize("end", ["killed", "terminated"])
def test_what_one_has_staged_is_removed_though_it_is_killed(
    interpreter: Interpreter, tmp_path: Path, ending_soon: Callable[[Callable[[], None]], None], end: str
) -> None:
    job, place = {"pids": str(tmp_path / "pids"), "place": str(tmp_path / "staging")}, tmp_path / "staging"
    staging = child(interpreter(STAGE))
    seen: list[int] = []

    def act() -> None:
        seen.append(len(list(place.iterdir())))
        if end == "killed":
            os.kill(pids_in(tmp_path / "pids")[0], signal.SIGKILL)
        else:
            staging.terminate()

    ending_soon(act)
    with pytest.raises(WorkflowError):
        staging.run("any", job)
    assert seen == [2]
    assert list(place.iterdir()) == []


def test_one_that_is_terminated_before_it_begins_does_not_begin(interpreter: Interpreter) -> None:
    here = child(interpreter("return 1"))
    here.terminate()
    with pytest.raises(WorkflowError, match="ended before it was started"):
        here.run("any", {})
    assert pid_of(here) is None


def test_one_that_takes_too_long_is_ended(interpreter: Interpreter) -> None:
    here = child(interpreter("import time; time.sleep(60)"))
    with pytest.raises(WorkflowError, match=r"^the child process took longer than 1 s, so it was ended"):
        here.run("any", {}, timeout=1)
    assert is_gone(here)


class TooLate(BaseException):
    """As Airflow's time-out of a task, it comes from a signal's handler."""


def test_one_whose_parent_is_interrupted_ends(
    interpreter: Interpreter, tmp_path: Path, ending_soon: Callable[[Callable[[], None]], None]
) -> None:
    def interrupt(*_: object) -> None:
        raise TooLate

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        ending_soon(lambda: os.kill(os.getpid(), signal.SIGUSR1))
        with pytest.raises(TooLate):
            run(interpreter(FAMILY + WAIT), pids=str(tmp_path / "pids"))
    finally:
        signal.signal(signal.SIGUSR1, before)
    wait_until_none_runs(pids_in(tmp_path / "pids"))


@pytest.mark.slow
@pytest.mark.parametrize("deaf", ["", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"])
def test_one_whose_parent_is_killed_ends_with_its_whole_group(
    interpreter: Interpreter, tmp_path: Path, deaf: str
) -> None:
    python = interpreter(deaf + FAMILY + WAIT)
    script = f"""
from dag_factory.portable.secrets.masking import Mask
from dag_factory.portable.openmetadata.counts import summary_of
from dag_factory.task.runner.child_process import Child
Child({python!r}, {{}}, Mask(in_airflow=False)).run("any", {{"pids": {str(tmp_path / "pids")!r}}})
"""
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT)
    pids = pids_in(tmp_path / "pids")
    group = os.getpgid(pids[0])
    members = [each.pid for each in psutil.process_iter() if os.getpgid(each.pid) == group]
    assert len(members) == 3
    parent.kill()
    parent.wait()
    wait_until_none_runs(members)


def test_an_interpreter_without_airflow_and_without_this_package_runs_the_real_thing(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    python = str(tmp_path / "bare" / "bin" / "python")
    connection = {"hostPort": "http://127.0.0.1:1/api"}
    document = {"name": "a", "pipelineType": "metadata", "openMetadataServerConnection": connection}
    with pytest.raises(WorkflowError, match=f"openmetadata-ingestion is not installed for {python}"):
        child(python).run("run", {"document": document, "pipeline_fqn": "a", "run_id": "b"})
