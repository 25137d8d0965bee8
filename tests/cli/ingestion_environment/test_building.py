from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dag_factory.cli.ingestion_environment.building import Built, build
from dag_factory.cli.ingestion_environment.requirements import wanted
from dag_factory.errors import CommandError, EnvironmentBuildError
from sandbox.client import wait_until
from tests.cli.ingestion_environment.fake_uv import fake_uv
from tests.places import ROOT


def made(folder: Path, uv: Path, extras: str = "postgres", python: str = sys.executable) -> Built:
    return build(folder / "env", wanted("2.0", extras), python, str(uv), lambda _: None)


def beside(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def opt(tmp_path: Path) -> Path:
    """The folder in which environments are."""
    folder = tmp_path / "opt"
    folder.mkdir()
    return folder


def test_an_environment_is_moved_in_when_it_has_been_checked(opt: Path, tmp_path: Path) -> None:
    built = made(opt, fake_uv(tmp_path / "uv"))
    assert built == Built(opt / "env" / "bin" / "python", "2.0.7.0", "3.11.7")
    assert beside(opt) == ["env"]
    venv, install = (tmp_path / "uv" / "calls").read_text().splitlines()
    assert venv.startswith(f"venv --quiet --python {sys.executable} ")
    assert install.endswith("bin/python -- openmetadata-ingestion[postgres]==2.0.* dbt-core<1.12")


def test_its_scripts_name_the_interpreter_of_its_place(opt: Path, tmp_path: Path) -> None:
    made(opt, fake_uv(tmp_path / "uv"))
    assert (opt / "env" / "bin" / "metadata").read_text() == f"#!{opt}/env/bin/python\n"
    assert f"command = venv {opt}/env\n" in (opt / "env" / "pyvenv.cfg").read_text()


def test_others_may_read_it_though_it_was_built_in_a_private_folder(opt: Path, tmp_path: Path) -> None:
    made(opt, fake_uv(tmp_path / "uv"))
    assert (opt / "env").stat().st_mode & 0o005 == 0o005


@pytest.mark.parametrize(
    ("install", "says", "problem"),
    [
        ("echo 'no such release' >&2; exit 1", None, r"Installing failed:\n  no such release$"),
        ("true", "echo \"No module named 'cachetools'\" >&2; exit 1", "The import of a workflow failed:\n  No module"),
        ("true", "echo hello", "does not say what it has"),
        ("true", "true", "does not say what it has"),
        ("true", "echo '[]'", "does not say what it has"),
    ],
    ids=["install", "import", "text", "nothing", "list"],
)
def test_what_fails_leaves_nothing_and_says_why(
    opt: Path, tmp_path: Path, install: str, says: str | None, problem: str
) -> None:
    with pytest.raises(EnvironmentBuildError, match=problem):
        made(opt, fake_uv(tmp_path / "uv", install=install, says=says))
    assert beside(opt) == []


def test_an_extra_that_pip_would_leave_out_silently_is_an_error(opt: Path, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentBuildError, match=r"2\.0\.7\.0 has no extra 'postgre'\. Did you mean 'postgres'\?"):
        made(opt, fake_uv(tmp_path / "uv"), extras="postgre")
    assert beside(opt) == []


@pytest.mark.parametrize("kind", ["folder", "empty folder", "file", "dead link"])
def test_what_is_there_is_left_alone(opt: Path, tmp_path: Path, kind: str) -> None:
    place = opt / "env"
    if "folder" in kind:
        place.mkdir()
        if kind == "folder":
            (place / "mine").touch()
    elif kind == "file":
        place.touch()
    else:
        place.symlink_to("nowhere")
    with pytest.raises(CommandError, match=r"is there already, and nothing is overwritten\. Name another folder"):
        made(opt, fake_uv(tmp_path / "uv"))
    assert os.path.lexists(place)
    assert not (tmp_path / "uv" / "calls").exists()


def test_a_place_without_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"missing' is not a folder\. Make it first"):
        made(tmp_path / "missing", fake_uv(tmp_path / "uv"))


@pytest.mark.parametrize("script", ["exit 1", "exit 127"], ids=["old", "no Python"])
def test_an_interpreter_that_is_no_new_python_is_refused(opt: Path, tmp_path: Path, script: str) -> None:
    python = tmp_path / "python2"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    with pytest.raises(CommandError, match=r"--python: '.*python2' is not a Python 3\.10 or newer"):
        made(opt, fake_uv(tmp_path / "uv"), python=str(python))
    assert beside(opt) == []


def test_the_programs_get_no_variable_of_airflow_s(opt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "canary")
    monkeypatch.setenv("PYTHONPATH", "/canary")
    made(opt, fake_uv(tmp_path / "uv"))
    assert "canary" not in (tmp_path / "uv" / "calls.env").read_text()


COMMAND = """
import sys
from dag_factory.cli.__main__ import main
main(["ingestion-env", sys.argv[1], "--version", "2.0"])
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_one_that_is_ended_amid_leaves_no_environment_and_the_next_one_works(
    opt: Path, tmp_path: Path, number: signal.Signals
) -> None:
    fake_uv(tmp_path / "uv", install=f"touch {tmp_path}/begun; while kill -0 $PPID; do sleep 0.2; done")
    env = {**os.environ, "PATH": f"{tmp_path}/uv:/usr/bin:/bin", "_AIRFLOW__AS_LIBRARY": "test"}
    command = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", COMMAND, str(opt / "env")], env=env, stderr=subprocess.DEVNULL
    )
    begun = tmp_path / "begun"
    wait_until(lambda: (begun.exists() or None, f"exit code {command.poll()}"), "the installation", timeout=120)
    command.send_signal(number)
    assert command.wait(60) != 0
    left = beside(opt)
    assert "env" not in left
    assert (left != []) == (number == signal.SIGKILL)
    made(opt, fake_uv(tmp_path / "uv"))
    assert beside(opt) == ["env"]


def test_what_one_has_left_that_was_killed_at_its_very_end_is_removed_too(opt: Path, tmp_path: Path) -> None:
    made(opt, fake_uv(tmp_path / "uv"))
    (opt / ".env.building-1").mkdir()
    with pytest.raises(CommandError, match="is there already"):
        made(opt, fake_uv(tmp_path / "uv"))
    assert beside(opt) == ["env"]


def test_one_that_runs_at_the_same_time_is_left_alone(opt: Path, tmp_path: Path) -> None:
    # While one installs, another begins and ends.
    other = fake_uv(tmp_path / "other")
    script = (
        "from pathlib import Path; from dag_factory.cli.ingestion_environment.building import build;"
        "from dag_factory.cli.ingestion_environment.requirements import wanted;"
        f"build(Path({str(opt / 'env')!r}), wanted('2.0', ''), {sys.executable!r}, {str(other)!r}, print)"
    )
    (tmp_path / "script.py").write_text(script)
    install = f"cd {ROOT}; {sys.executable} -W ignore {tmp_path}/script.py >&2"
    with pytest.raises(CommandError, match="is there already"):
        made(opt, fake_uv(tmp_path / "uv", install=install))
    assert beside(opt) == ["env"]
