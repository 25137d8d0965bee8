"""``.ci/matrix``: builds the environments of cells, looks at each, and writes what was found into docs/versions.md."""

from __future__ import annotations

import argparse
import datetime
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tools.matrix import digests, environments, results
from tools.matrix.cells import CELLS, MAIN, Cell, named
from tools.matrix.environments import PythonMissing
from tools.matrix.looks import FAST_TESTS, IN_CI, LOOKS, SAMPLES, Look, Outcome


def main(arguments: list[str]) -> int:
    """Return the exit code: 1 where something failed in a cell that may not fail, 2 for wrong arguments."""
    options, cells = parsed(arguments)
    if options.resolve:
        for cell in cells:
            if not cell.constraints:
                environments.resolve(cell)
        return 0
    looks = looks_of(options)
    found: dict[Cell, results.Results] = {}
    lines: list[str] = []
    failed: list[str] = []
    for cell in cells:
        began = time.monotonic()
        try:
            python = environments.build(cell)
        except PythonMissing as missing:
            lines.append(f"{cell.name}: LEFT OUT, since {missing}.")
            continue
        except subprocess.CalledProcessError as error:
            lines.append(f"{cell.name}: its environment could not be made")
            failed += [f"{cell.name}: its environment could not be made: {error}"] * (not cell.may_fail)
            continue
        say(f"{cell.name}: its environment is there after {time.monotonic() - began:.0f} s")
        found[cell] = look_at(cell, looks, python)
        lines.append(in_one_line(cell, found[cell]))
        failed += failures(cell, found[cell])
        if options.is_written:
            results.write({cell: found[cell]}, datetime.datetime.now(datetime.timezone.utc).date())
    # The environment of all tests shows whether the others make the same DAGs.
    if options.ci and (made := environments.of_make()) is not None:
        found[MAIN] = look_at(MAIN, [SAMPLES], made)
        lines.append(in_one_line(MAIN, found[MAIN]))
        failed += failures(MAIN, found[MAIN])
    samples = {cell: outcomes[SAMPLES.title] for cell, outcomes in found.items() if SAMPLES.title in outcomes}
    failed += digests.unlike({cell: outcome.summary for cell, outcome in samples.items()})
    say("", *lines)
    if failed:
        say("Failed:", *failed)
    return 1 if failed else 0


def parsed(arguments: list[str]) -> tuple[argparse.Namespace, list[Cell]]:
    """Return the options and the cells that the arguments name; leaves with 2 where they are wrong."""
    parser = argparse.ArgumentParser(prog=".ci/matrix", description=__doc__)
    parser.add_argument("cells", nargs="*", metavar="CELL", help=f"all by default: {', '.join(c.name for c in CELLS)}")
    parser.add_argument("--fast", action="store_true", help="run the fast tests alone, and write nothing")
    parser.add_argument("--ci", action="store_true", help="in two cells, what starts no Airflow; write nothing")
    parser.add_argument("--resolve", action="store_true", help="write the constraints files of the cells anew")
    parser.add_argument(
        "--only", action="append", choices=[look.title for look in LOOKS],
        help="look at this alone, and write its column alone",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    options.is_written = not options.fast and not options.ci
    try:
        cells = named(options.cells)
    except ValueError as error:
        parser.error(str(error))
    return options, [cell for cell in cells if cell.is_in_ci or not options.ci]


def looks_of(options: argparse.Namespace) -> Sequence[Look]:
    """Return what is looked at, by the options of the command."""
    if options.fast:
        return [FAST_TESTS]
    if options.only:
        return [look for look in LOOKS if look.title in options.only]
    return IN_CI if options.ci else LOOKS


def look_at(cell: Cell, looks: Sequence[Look], python: Path) -> results.Results:
    """Return what is found in a cell by its interpreter, by the titles of the looks."""
    outcomes: dict[str, Outcome] = {}
    for look in looks:
        began = time.monotonic()
        try:
            outcomes[look.title] = look.run(cell, python)
        except TimeoutError as error:
            say(str(error))
            outcomes[look.title] = Outcome("did not end", ("it was stopped when its time was over",))
        outcome = outcomes[look.title]
        say(f"{cell.name}, {look.title}: {outcome.summary} ({time.monotonic() - began:.0f} s)", *outcome.failed)
        if outcome.failed and cell.may_fail:
            say(f"{cell.name} may fail: {cell.may_fail}.")
    return outcomes


def failures(cell: Cell, outcomes: results.Results) -> list[str]:
    """Return a line for each failure in a cell that may not fail."""
    if cell.may_fail:
        return []
    return [f"{cell.name}, {title}: {name}" for title, outcome in outcomes.items() for name in outcome.failed]


def in_one_line(cell: Cell, outcomes: results.Results) -> str:
    """Return what was found in a cell."""
    return f"{cell.name}: " + "; ".join(f"{title}: {outcome.summary}" for title, outcome in outcomes.items())


def say(*lines: str) -> None:
    """Print lines at once."""
    print(*lines, sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
