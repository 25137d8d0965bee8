"""What is looked at in a cell: each look has a name, a way to run, and an outcome in a few words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tools.matrix.cells import ROOT, Cell

# A warning of Airflow's or a provider's about another of them is theirs to mend; the main cell has all as errors.
WARNINGS = "default\nerror:::(dag_factory|tests|sandbox)"
FAST = ("-m", "not e2e and not ingestion", "-n", "3", "--dist", "worksteal")
# The life of a pipeline, and what is most Airflow's: page, bundle, shards, object storage, form of a Connection.
LIFE = (
    "tests/api/test_server_calls.py",
    "tests/test_end_to_end.py",
    "tests/page/test_in_airflow.py",
    "tests/test_object_storage_in_airflow.py",
    "tests/test_hook.py",
    "tests/dag/test_bundle_in_airflow.py",
    "tests/cli/test_loaders_in_airflow.py",
)
LONGEST_SECONDS = 3600


@dataclass(frozen=True)
class Outcome:
    """
    What a look has found.

    :param summary: for the table
    :param failed: names of what failed, empty where all is well
    """

    summary: str
    failed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Look:
    """A column of the table: its title, and how it is found out with the interpreter of a cell."""

    title: str
    run: Callable[[Cell, Path], Outcome]


def _tests(*arguments: str) -> Callable[[Cell, Path], Outcome]:
    def run(cell: Cell, python: Path) -> Outcome:
        with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
            report = Path(folder) / "report.xml"
            command: list[str | Path] = [
                python,
                "-m",
                "pytest",
                "-q",
                "-p",
                "no:cacheprovider",
                "-o",
                "junit_family=xunit1",
            ]
            if not cell.is_main:
                command += ["-o", f"filterwarnings={WARNINGS}"]
            code = _run([*command, f"--junitxml={report}", *arguments], python)
            if not report.exists():
                return Outcome("did not run", (f"pytest ended with {code}",))
            return of_report(report, code)

    return run


def of_report(report: Path, code: int) -> Outcome:
    """Return what pytest's report in XML says, with the names by which pytest can be given what failed."""
    cases = list(ET.parse(report).getroot().iter("testcase"))
    failed = sorted(
        {_name(case) for case in cases if case.find("failure") is not None or case.find("error") is not None}
    )
    skipped = sum(case.find("skipped") is not None for case in cases)
    passed = len(cases) - skipped - len(failed)
    parts = [f"{passed:,} passed"]
    parts += [f"{len(failed):,} failed"] * bool(failed) + [f"{skipped:,} skipped"] * bool(skipped)
    if code and not failed:
        failed = [f"pytest ended with {code}"]
    return Outcome(", ".join(parts), tuple(failed))


def _name(case: ET.Element) -> str:
    file = case.get("file") or str(case.get("classname", "")).replace(".", "/") + ".py"
    return f"{file}::{case.get('name')}" if case.get("classname") else str(case.get("name"))


def _script(name: str) -> Callable[[Cell, Path], Outcome]:
    """Return how a script of this folder is run in a cell: it prints an outcome as JSON in its last line."""

    def run(cell: Cell, python: Path) -> Outcome:
        done = subprocess.run(
            [python, "-m", f"tools.matrix.inside.{name}"],
            cwd=ROOT, env=environment(python), capture_output=True, text=True, check=False, timeout=LONGEST_SECONDS,
        )  # fmt: skip
        if done.returncode:
            print(done.stdout[-4000:] + done.stderr[-4000:], file=sys.stderr)
            return Outcome("did not run", (f"tools.matrix.inside.{name} ended with {done.returncode}",))
        summary, failed = json.loads(done.stdout.splitlines()[-1])
        return Outcome(summary, tuple(failed))

    return run


def environment(python: Path) -> dict[str, str]:
    """Return the variables of a cell's processes: its programs come first, and Airflow is set up by no other's."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON", "VIRTUAL"))
    }
    return {**inherited, "PATH": os.pathsep.join([str(python.parent), os.environ.get("PATH", "")])}


def _run(command: Iterable[str | Path], python: Path) -> int:
    return subprocess.run(
        list(map(str, command)), cwd=ROOT, env=environment(python), check=False, timeout=LONGEST_SECONDS
    ).returncode


FAST_TESTS = Look("fast tests", _tests(*FAST))
LOOKS = (
    FAST_TESTS,
    Look("samples", _script("samples")),
    Look("found by Airflow", _script("found")),
    Look("commands", _script("commands")),
    Look("a pipeline's life in Airflow", _tests(*LIFE)),
)
# By title: within a few minutes.
IN_CI = ("samples", "found by Airflow", "commands")
