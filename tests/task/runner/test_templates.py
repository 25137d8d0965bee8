"""Templates: children are forked that know nothing of each other, and none is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from dag_factory.portable.secrets.masking import Mask
from dag_factory.task.runner.child_process import Child
from dag_factory.task.runner.interpreter import environment, template_environment
from dag_factory.task.runner.templates import start_templates
from tests import waiting
from tests.child_processes import stop_templates, template_pid
from tests.places import ROOT

Interpreter = Callable[[str], str]

wait_for = partial(waiting.wait_for, timeout=20)

# What a child can see of the process that it was forked from, and what it then leaves behind for others to see.
LOOK_AND_LEAVE = """
import builtins, json, logging, os, random, sys, tempfile, threading
seen = {
    "names": sorted(name for name in vars(builtins) if name.startswith("left_by")),
    "modules": [name for name in sys.modules if name.startswith("left_by")],
    "variables": {name: value for name, value in os.environ.items() if name.startswith("OF_")},
    "levels": logging.getLogger("left").level,
    "threads": threading.active_count(),
    "descriptors": sorted(int(name) for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")),
    "folder": os.getcwd(),
    "temporary": tempfile.gettempdir(),
    "random": random.random(),
    "template": os.getppid(),
}
setattr(builtins, f"left_by_{job['name']}", on_secret)
sys.modules[f"left_by_{job['name']}"] = sys
os.environ["OF_ALL"] = "changed"
logging.getLogger("left").setLevel(7)
on_secret(job["secret"])
logging.getLogger("left").error("%s and %s", job["secret"], job["other"])
return seen
"""


@pytest.fixture
def warm(interpreter: Interpreter) -> Iterator[Callable[..., str]]:
    """Make an interpreter, as `interpreter` does, and its template."""

    def make(body: str, *, idle: int = 60, said: str | None = None) -> str:
        python = interpreter(body)
        if said is not None:
            Path(python).write_text(said)
        start_templates([python], idle)
        return python

    yield make
    stop_templates()


def run(python: str, env: dict[str, str] | None = None, **job: Any) -> Any:
    mask = Mask(in_airflow=False)
    return Child(python, {**environment(python), **(env or {})}, mask).run("any", job)


def template(python: str) -> psutil.Process:
    return psutil.Process(template_pid(python))


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_nothing_of_one_run_is_seen_by_another(
    warm: Callable[..., str], tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = warm(LOOK_AND_LEAVE)
    names = {"first": "canary-first", "second": "canary-second"}
    seen = {}
    for name, secret in names.items():
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        env = {"OF_ALL": "given", f"OF_{name.upper()}": "own", "TMPDIR": str(tmp_path / name)}
        seen[name] = run(python, env, name=name, secret=secret, other=", ".join(set(names.values()) - {secret}))
    for name, found in seen.items():
        assert found["names"] == found["modules"] == []
        assert found["variables"] == {"OF_ALL": "given", f"OF_{name.upper()}": "own"}
        assert found["levels"] == 0
        assert found["threads"] == 1
        assert found["folder"] == found["temporary"] == str(tmp_path / name)
    assert seen["first"]["random"] != seen["second"]["random"]
    # Each run's log hides its own secret, and knows no other's.
    said = [record.getMessage() for record in caplog.records if record.name == "left"]
    assert said == ["*** and canary-second", "*** and canary-first"]


def test_a_child_has_no_descriptor_of_its_template(warm: Callable[..., str], interpreter: Interpreter) -> None:
    forked = run(warm(LOOK_AND_LEAVE), name="x", secret="canary", other="")["descriptors"]
    stop_templates()
    started = run(interpreter(LOOK_AND_LEAVE), name="x", secret="canary", other="")["descriptors"]
    assert len(forked) == len(started)


def test_neither_order_nor_environment_of_a_run_reaches_the_template(warm: Callable[..., str]) -> None:
    python = warm("""
        import os
        pages = open(f"/proc/{job['template']}/environ").read(), open(f"/proc/{os.getpid()}/environ").read()
        return [job["secret"] in each or os.environ["OF_RUN"] in each for each in pages]
    """)
    assert run(python, {"OF_RUN": "canary-env"}, secret="canary-order", template=template(python).pid) == [False] * 2
    memory = Path("/proc", str(template(python).pid))
    with (memory / "mem").open("rb") as content:
        for line in (memory / "maps").read_text().splitlines():
            place, rights = line.split()[:2]
            begin, end = (int(part, 16) for part in place.split("-"))
            if rights.startswith("rw"):
                content.seek(begin)
                found = content.read(end - begin)
                assert b"canary-order" not in found
                assert b"canary-env" not in found


def test_a_template_has_no_variable_that_looks_secret_or_that_a_config_may_refer_to(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("WAREHOUSE_PASSWORD", "AWS_SECRET_ACCESS_KEY", "OPENMETADATA_ANY", "AIRFLOW__CORE__FERNET_KEY"):
        monkeypatch.setenv(name, "canary")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/oracle")
    found = template_environment(str(tmp_path / "python"))
    assert "canary" not in found.values()
    assert found["LD_LIBRARY_PATH"] == "/opt/oracle"
    assert found["PATH"].startswith(str(tmp_path))


def test_a_run_that_may_not_see_a_variable_of_the_template_is_started_by_itself(
    warm: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGIN", "canary")
    python = warm("import os; return [os.getppid(), os.environ.get('LOGIN')]")
    without = environment(python, secrets={"canary"})
    (parent, login) = Child(python, without, Mask(in_airflow=False)).run("any", {})
    assert login is None
    assert psutil.Process(template(python).pid).pid != parent


def test_a_template_that_was_killed_is_done_without(warm: Callable[..., str], caplog: pytest.LogCaptureFixture) -> None:
    python = warm("return 1")
    assert run(python) == 1
    template(python).kill()
    wait_for(lambda: is_gone(template(python)))
    caplog.clear()
    assert run(python) == 1
    assert "so a new interpreter is started for this run" in caplog.text


def test_a_template_whose_imports_fail_leaves_each_run_to_say_so_itself(
    interpreter: Interpreter, warm: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    said = Path(interpreter("return 1")).read_text().replace("lambda: None", "lambda: 1 / 0")
    python = warm("return 1", said=said)
    assert [run(python), run(python)] == [1, 1]
    assert caplog.text.count("has not forked this run, so a new interpreter is started for it") == 2


def test_a_template_is_renewed_once_a_package_was_installed(warm: Callable[..., str]) -> None:
    python = warm("return 'before'")
    process = template(python)
    assert run(python) == "before"
    script = Path(python)
    script.write_text(script.read_text().replace("before", "after"))
    assert run(python) == "after"
    assert template(python) == process
    assert process.is_running()


def test_a_template_without_a_run_gives_back_what_it_has_imported(
    interpreter: Interpreter, warm: Callable[..., str], tmp_path: Path
) -> None:
    imported = tmp_path / "imported"
    script = Path(interpreter("return 1"))
    said = script.read_text().replace("lambda: None", f"lambda: open({str(imported)!r}, 'a').write('x')")
    process = template(warm("return 1", idle=1, said=said))
    assert [run(str(script)), run(str(script))] == [1, 1]
    assert imported.read_text() == "x"

    def imports_again() -> bool:
        time.sleep(1.1)
        return run(str(script)) == 1 and imported.read_text() == "xx"

    wait_for(imports_again)
    assert template(str(script)) == process
    assert process.is_running()


WORKER = f"""
import os, sys, time
sys.path.insert(0, {str(ROOT)!r})
from dag_factory.task.runner.templates import start_templates
from tests.child_processes import template_pid
start_templates([sys.argv[1]], 60)
if not os.fork():
    time.sleep(60)  # as the server of logs, which a killed scheduler leaves behind
print(template_pid(sys.argv[1]), flush=True)
time.sleep(60)
"""


@pytest.mark.slow
def test_a_template_ends_with_its_worker_whatever_way_that_dies(interpreter: Interpreter) -> None:
    python = interpreter("return 1")
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, python], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as worker:
        try:
            assert worker.stdout is not None
            process = psutil.Process(int(worker.stdout.readline()))
            worker.kill()
            worker.wait()
            wait_for(lambda: is_gone(process))
        finally:
            os.killpg(worker.pid, signal.SIGKILL)


def test_a_run_goes_on_when_its_template_dies(warm: Callable[..., str]) -> None:
    python = warm("""
        import os, signal, time
        os.kill(job["template"], signal.SIGKILL)
        time.sleep(0.2)
        return "done"
    """)
    assert run(python, template=template(python).pid) == "done"


def test_a_template_can_be_reached_by_no_name(warm: Callable[..., str]) -> None:
    python = warm("return 1")
    run(python)
    assert [each.laddr for each in template(python).net_connections("unix") if each.laddr] == []
