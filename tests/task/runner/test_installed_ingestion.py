from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from dag_factory.settings.options import IN_PROCESS
from dag_factory.task.runner.installed_ingestion import Installed, installed_ingestion
from sandbox.client import wait_until
from tests.waiting import is_running

ACTUAL = version("openmetadata-ingestion")
Write = Callable[[str], str]


@pytest.fixture
def program(tmp_path: Path) -> Write:
    """Write an interpreter that is a shell script; it counts its starts in a file beside it."""

    def write(script: str) -> str:
        path = tmp_path / "bin" / "python"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\necho started >> {tmp_path}/starts\n{script}\n")
        path.chmod(0o755)
        return str(path)

    return write


def starts(tmp_path: Path) -> int:
    return len((tmp_path / "starts").read_text().splitlines())


def saying(installed: str | None, *places: Path) -> str:
    return f"cat <<'END'\n{json.dumps({'version': installed, 'places': list(map(str, places))})}\nEND"


@pytest.mark.parametrize("python", [IN_PROCESS, sys.executable], ids=["in process", "an interpreter"])
def test_it_is_the_version_that_the_interpreter_itself_finds(python: str) -> None:
    assert installed_ingestion(python) == Installed(ACTUAL)
    assert str(installed_ingestion(python)) == f"openmetadata-ingestion {ACTUAL}"


def test_a_script_that_starts_another_interpreter_is_asked_too(program: Write) -> None:
    # Beside it lies nothing by which its version could be guessed.
    assert installed_ingestion(program(f'exec {sys.executable} "$@"')).version == ACTUAL


def test_it_is_asked_once_until_a_package_is_installed_or_the_interpreter_replaced(
    program: Write, tmp_path: Path
) -> None:
    packages = tmp_path / "site-packages"
    packages.mkdir()
    python = program(saying("2.0.6.0", packages))
    assert [installed_ingestion(python).version for _ in range(3)] == ["2.0.6.0"] * 3
    assert starts(tmp_path) == 1
    (packages / "openmetadata_ingestion-2.0.7.0.dist-info").mkdir()
    os.utime(packages, ns=(1, 1))
    installed_ingestion(python)
    assert starts(tmp_path) == 2
    Path(python).unlink()
    assert installed_ingestion(python) == Installed(problem="is not on this machine", is_there=False)
    assert installed_ingestion(program(saying("2.0.7.0"))).version == "2.0.7.0"


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        (saying(None), "has no openmetadata-ingestion"),
        ("exit 3", "prints no version that can be read"),
        ("echo 2.0.6.0", "prints no version that can be read"),
        ("echo '[]'", "prints no version that can be read"),
        ("""echo '{"version": 2, "places": []}'""", "prints no version that can be read"),
        (saying("2.0\x1b[31m canary"), "prints no version that can be read"),
        (saying("9." * 100), "prints no version that can be read"),
        ("yes | tr -d '\\n' | head -c 2000000", "prints no version that can be read"),
    ],
    ids=["none", "fails", "no JSON", "a list", "a number", "no version", "long", "endless"],
)
def test_what_is_no_version_is_not_said_to_anybody(program: Write, script: str, problem: str) -> None:
    assert installed_ingestion(program(script), seconds=30) == Installed(problem=problem)


@pytest.mark.slow
def test_one_that_hangs_is_given_up_with_all_that_it_has_started(program: Write, tmp_path: Path) -> None:
    python = program(f"sleep 600 & echo $! > {tmp_path}/pid\nsleep 601")
    # Long enough for a busy machine to start it.
    assert installed_ingestion(python, seconds=3) == Installed(problem="has not answered within 3 s")
    assert installed_ingestion(python, seconds=3).version is None
    assert starts(tmp_path) == 1, "it is asked again only later"
    pid = int((tmp_path / "pid").read_text())

    def gone() -> tuple[bool | None, str]:
        runs = is_running(pid)
        return (None if runs else True), "it still runs"

    wait_until(gone, "what it has started to end", timeout=30)


def test_what_it_leaves_running_is_not_waited_for(program: Write) -> None:
    python = program(f"sleep 600 &\n{saying('2.0.6.0')}\nsleep 600")
    assert installed_ingestion(python, seconds=30).version == "2.0.6.0"


def test_it_gets_no_secret_of_airflow_s(program: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "canary")
    monkeypatch.setenv("OPENMETADATA_JWT_TOKEN", "canary")
    installed_ingestion(program(f"env > {tmp_path}/env\n{saying('2.0.6.0')}"))
    assert "PATH=" in (tmp_path / "env").read_text()
    assert "canary" not in (tmp_path / "env").read_text()
