"""What is looked at in a cell: each look has a name, a way to run, and an outcome in a few words."""

from __future__ import annotations

import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tools.matrix.cells import Cell
from tools.matrix.inside import found_in
from tools.matrix.runs import run

# A warning of Airflow's or a provider's about another of them is theirs to mend; the main cell has all as errors.
WARNINGS = "default\nerror:::(dag_factory|tests|sandbox)"
# With a fifth of hypothesis's examples, as `make test-fast` has: what they find depends little on Airflow's version.
FAST = ("-m", "not e2e and not ingestion", "-n", "3", "--dist", "worksteal", "--hypothesis-profile=quick")
# The life of a pipeline, and what is most Airflow's: page, bundle, shards, object storage, form of a Connection.
LIFE = (
    "tests/api_server/api/test_server_calls.py",
    "tests/test_end_to_end.py",
    "tests/api_server/page/test_in_airflow.py",
    "tests/test_object_storage_in_airflow.py",
    "tests/task/test_hook.py",
    "tests/dag/test_bundle_in_airflow.py",
    "tests/cli/test_loaders_in_airflow.py",
)
# On a shared machine, as many may fail by chance: they alone are repeated, once, as .ci/run does.
MOST_BY_CHANCE = 3
LONGEST_SECONDS = 2400.0
SCRIPT_SECONDS = 600.0


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


@dataclass(frozen=True)
class Report:
    """
    What pytest has reported.

    :param failed: names by which pytest can be given what failed
    :param code: its exit code
    """

    passed: int
    skipped: int
    failed: tuple[str, ...]
    code: int

    @property
    def may_be_by_chance(self) -> bool:
        """Whether all tests ran and few failed."""
        return self.code == 1 and 0 < len(self.failed) <= MOST_BY_CHANCE

    def outcome(self, *, repeated: bool = False) -> Outcome:
        """
        Return the outcome.

        :param repeated: whether what failed has passed since
        """
        failed = () if repeated else self.failed
        parts = [f"{self.passed + len(self.failed) - len(failed):,} passed"]
        parts += [f"{len(self.failed)} of them when repeated"] * repeated
        parts += [f"{len(failed):,} failed"] * bool(failed) + [f"{self.skipped:,} skipped"] * bool(self.skipped)
        if self.code and not self.failed:
            failed = (f"pytest ended with {self.code}",)
        return Outcome(", ".join(parts), failed)


def _tests(*arguments: str) -> Callable[[Cell, Path], Outcome]:
    def look(cell: Cell, python: Path) -> Outcome:
        report = _pytest(cell, python, arguments)
        if report is None:
            return Outcome("did not run", ("pytest ended without a report",))
        if not report.may_be_by_chance:
            return report.outcome()
        again = _pytest(cell, python, report.failed)
        return report.outcome(repeated=again is not None and again.code == 0)

    return look


def _pytest(cell: Cell, python: Path, arguments: Iterable[str]) -> Report | None:
    """Run pytest in a cell, and show its output where something fails; None where it came to no report."""
    options = ["-q", "-p", "no:cacheprovider", "-o", "junit_family=xunit1"]
    if not cell.is_main:
        options += ["-o", f"filterwarnings={WARNINGS}"]
    with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
        path = Path(folder) / "report.xml"
        ended = run([python, "-m", "pytest", *options, f"--junitxml={path}", *arguments], python, LONGEST_SECONDS)
        if ended.code:
            print(ended.output, flush=True)
        return read_report(path, ended.code) if path.exists() else None


def read_report(path: Path, code: int) -> Report:
    """Return what pytest's report in XML says, and its exit code."""
    cases = list(ET.parse(path).getroot().iter("testcase"))
    failed = {_name(case) for case in cases if case.find("failure") is not None or case.find("error") is not None}
    skipped = sum(case.find("skipped") is not None for case in cases)
    return Report(len(cases) - skipped - len(failed), skipped, tuple(sorted(failed)), code)


def _name(case: ET.Element) -> str:
    file = case.get("file") or str(case.get("classname", "")).replace(".", "/") + ".py"
    return f"{file}::{case.get('name')}" if case.get("classname") else str(case.get("name"))


def _script(name: str) -> Callable[[Cell, Path], Outcome]:
    """Return how a script of this folder is run in a cell."""

    def look(_: Cell, python: Path) -> Outcome:
        ended = run([python, "-m", f"tools.matrix.inside.{name}"], python, SCRIPT_SECONDS)
        if ended.code:
            print(ended.output[-4000:], file=sys.stderr)
            return Outcome("did not run", (f"tools.matrix.inside.{name} ended with {ended.code}",))
        summary, failed = found_in(ended.output)
        return Outcome(summary, tuple(failed))

    return look


FAST_TESTS = Look("fast tests", _tests(*FAST))
SAMPLES = Look("samples", _script("samples"))
LOOKS = (
    FAST_TESTS,
    SAMPLES,
    Look("found by Airflow", _script("found")),
    Look("commands", _script("commands")),
    Look("a pipeline's life in Airflow", _tests(*LIFE)),
)
# All but the real Airflow: within a few minutes.
IN_CI = LOOKS[:-1]
