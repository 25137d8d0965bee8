"""``.ci/matrix``: builds the environments of cells, looks at each, and writes what was found into docs/versions.md."""

from __future__ import annotations

import argparse
import datetime
import subprocess
import sys
import time

from tools.matrix import environments, results
from tools.matrix.cells import CELLS, Cell, named
from tools.matrix.environments import PythonMissing
from tools.matrix.looks import FAST_TESTS, IN_CI, LOOKS, Look, Outcome


def main(arguments: list[str]) -> int:
    """Return the exit code: 1 where something failed in a cell that may not fail, 2 for wrong arguments."""
    parser = argparse.ArgumentParser(prog=".ci/matrix", description=__doc__)
    parser.add_argument("cells", nargs="*", metavar="CELL", help=f"all by default: {', '.join(c.name for c in CELLS)}")
    parser.add_argument(
        "--fast", action="store_true", help="run the fast tests alone, and leave docs/versions.md as it is"
    )
    parser.add_argument("--ci", action="store_true", help="in two cells, what starts no Airflow; write nothing")
    parser.add_argument("--resolve", action="store_true", help="write the constraints files of the cells anew")
    parser.add_argument("--only", action="append", choices=[look.title for look in LOOKS], help="look at this alone")
    options = parser.parse_args(arguments)
    try:
        cells = named(options.cells)
    except ValueError as error:
        parser.error(str(error))
    if options.ci:
        cells = [cell for cell in cells if cell.is_in_ci]
    if options.resolve:
        for cell in cells:
            if not cell.constraints:
                environments.resolve(cell)
        return 0
    looks = looks_of(options)
    found: dict[Cell, results.Results] = {}
    failed = []
    for cell in cells:
        try:
            found[cell] = look_at(cell, looks)
        except PythonMissing as missing:
            say(f"{cell.name}: LEFT OUT, since {missing}.")
            continue
        except subprocess.CalledProcessError as error:
            found[cell] = {}
            failed += [f"{cell.name}: its environment could not be made: {error}"] * (not cell.may_fail)
        failed += [
            f"{cell.name}, {title}: {name}"
            for title, outcome in found[cell].items()
            for name in outcome.failed
            if not cell.may_fail
        ]
    if not options.fast and not options.ci:
        results.write(found, datetime.datetime.now(datetime.timezone.utc).date())
    say(*[f"{cell.name}, {title}: {each.summary}" for cell in found for title, each in found[cell].items()])
    if failed:
        say("Failed:", *failed)
    return 1 if failed else 0


def looks_of(options: argparse.Namespace) -> list[Look]:
    """Return what is looked at, by the options of the command."""
    if options.fast:
        return [FAST_TESTS]
    titles = options.only or (IN_CI if options.ci else [look.title for look in LOOKS])
    return [look for look in LOOKS if look.title in titles]


def look_at(cell: Cell, looks: list[Look]) -> results.Results:
    """
    Return what is found in a cell, by the titles of the looks.

    :raises PythonMissing: if this machine lacks its Python
    :raises CalledProcessError: if its environment can't be made
    """
    began = time.monotonic()
    python = environments.build(cell)
    say(f"{cell.name}: its environment is there after {time.monotonic() - began:.0f} s")
    outcomes: dict[str, Outcome] = {}
    for look in looks:
        began = time.monotonic()
        try:
            outcomes[look.title] = look.run(cell, python)
        except subprocess.TimeoutExpired as error:
            outcomes[look.title] = Outcome("did not end", (f"not within {error.timeout:.0f} s",))
        outcome = outcomes[look.title]
        say(f"{cell.name}, {look.title}: {outcome.summary} ({time.monotonic() - began:.0f} s)", *outcome.failed)
        if outcome.failed and cell.may_fail:
            say(f"{cell.name} may fail: {cell.may_fail}.")
    return outcomes


def say(*lines: str) -> None:
    """Print lines at once."""
    print(*lines, sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
