"""
Builds an environment beside its place, checks it there, and moves it in: its place has all of it or nothing.

A build that was killed leaves a folder beside the place, which the next one removes. Builds hold a lock on their
folders, so that none removes another's.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from dag_factory.cli.ingestion_environment import interpreter_check
from dag_factory.cli.ingestion_environment.requirements import Wanted, normal
from dag_factory.cli.ingestion_environment.steps import run
from dag_factory.errors import CommandError, EnvironmentBuildError
from dag_factory.portable.openmetadata.nearest import nearest
from dag_factory.task.runner.interpreter import environment

LEAST_PYTHON = (3, 10)
"""The oldest Python in which this package's end of a run works."""

_CHECK_SECONDS = 300.0
_SCRIPT = Path(interpreter_check.__file__)
_IS_OLD = f"import sys; sys.exit(sys.version_info < {LEAST_PYTHON})"


@dataclass(frozen=True)
class Built:
    """An environment that is in its place: its interpreter, and what that has."""

    python: Path
    version: str
    python_version: str


def build(place: Path, wanted: Wanted, python: str, uv: str | None, step: Callable[[str], object]) -> Built:
    """
    Build an environment.

    :param place: its folder, an absolute path
    :param python: the interpreter that it is made from
    :param uv: path of the program uv, None to build it by pip
    :param step: is called with what begins now
    :raises CommandError: where the place is taken, or has no folder
    :raises EnvironmentBuildError: where a step fails, or what was built can't run pipelines; then nothing is left
    """
    _remove_abandoned(place)
    require_free(place)
    with _workshop(place) as workshop:
        built = workshop / "env"
        env = environment(python)
        interpreter = str(built / "bin" / "python")
        _require_python(python, workshop, env)
        step(f"Making an environment with {python}")
        make = [uv, "venv", "--quiet", "--python", python, str(built)] if uv else [python, "-m", "venv", str(built)]
        run("Making the environment", make, log=workshop / "venv.log", env=env)
        step(f"Installing {wanted.requirements[0]} by {'uv' if uv else 'pip'}")
        run("Installing", _install(interpreter, wanted, uv), log=workshop / "install.log", env=environment(interpreter))
        step("Importing a workflow")
        found = _checked(interpreter, wanted, workshop)
        _name_scripts(built, place)
        require_free(place)
        built.rename(place)
    return Built(place / "bin" / "python", str(found["version"]), str(found["python"]))


def require_free(place: Path) -> None:
    """Raise CommandError where an environment can't be put at a place."""
    if os.path.lexists(place):
        raise CommandError(
            f"'{place}' is there already, and nothing is overwritten. Name another folder, or remove that one once no "
            "setting names it"
        )
    if not place.parent.is_dir():
        raise CommandError(f"'{place.parent}' is not a folder. Make it first")
    if not os.access(place.parent, os.W_OK | os.X_OK):
        raise CommandError(f"'{place.parent}' can't be written by this user. Run the command as one who can")


@contextmanager
def _workshop(place: Path) -> Iterator[Path]:
    """Yield a new folder beside a place, locked while the context is open, and remove it then."""
    folder = Path(tempfile.mkdtemp(prefix=_begin(place), dir=place.parent))
    try:
        with _locked(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(place: Path) -> None:
    """Remove the folders of killed builds; one may have been killed after its environment was moved in."""
    for left in place.parent.glob(f"{_begin(place)}*"):
        with suppress(OSError), _locked(left):
            shutil.rmtree(left, ignore_errors=True)


def _begin(place: Path) -> str:
    return f".{place.name}.building-"


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; raises BlockingIOError where another process does."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _require_python(python: str, workshop: Path, env: dict[str, str]) -> None:
    try:
        run("Asking for its version", [python, "-I", "-c", _IS_OLD], log=workshop / "python.log", env=env, seconds=60)
    except EnvironmentBuildError:
        raise CommandError(
            f"--python: '{python}' is not a Python {'.'.join(map(str, LEAST_PYTHON))} or newer. Name another one"
        ) from None


def _install(interpreter: str, wanted: Wanted, uv: str | None) -> list[str]:
    if uv:
        return [uv, "pip", "install", "--compile-bytecode", "--python", interpreter, "--", *wanted.requirements]
    quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    return [interpreter, "-m", "pip", "install", *quiet, "--", *wanted.requirements]


def _checked(interpreter: str, wanted: Wanted, workshop: Path) -> dict[str, object]:
    """
    Return what an interpreter says of itself.

    :raises EnvironmentBuildError: where it can't import a workflow, or an extra is unknown
    """
    env = environment(interpreter)
    command = [interpreter, "-I", str(_SCRIPT)]
    printed = run("The import of a workflow", command, log=workshop / "check.log", env=env, seconds=_CHECK_SECONDS)
    try:
        found: dict[str, object] = json.loads(printed.splitlines()[-1])
        known = {normal(str(extra)) for extra in found["extras"]}  # type: ignore[attr-defined]
    except (ValueError, IndexError, KeyError, TypeError):
        raise EnvironmentBuildError("The interpreter that was built does not say what it has") from None
    # pip installs without an extra that it does not find, and only warns.
    if missing := [extra for extra in wanted.extras if extra not in known]:
        meant = nearest(missing[0], tuple(sorted(known)))
        hint = f"Did you mean '{meant}'?" if meant else "Leave it out"
        raise EnvironmentBuildError(f"openmetadata-ingestion {found['version']} has no extra '{missing[0]}'. {hint}")
    return found


def _name_scripts(built: Path, place: Path) -> None:
    """Have the scripts of an environment name the interpreter of its place, since they hold its whole path."""
    for path in [built / "pyvenv.cfg", *(built / "bin").iterdir()]:
        if path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        if os.fsencode(built) in content:
            path.write_bytes(content.replace(os.fsencode(built), os.fsencode(place)))
