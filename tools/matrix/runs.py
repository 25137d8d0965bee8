"""Runs a program in a cell: within a limit of time, and so that nothing of it goes on running."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sandbox.process import Process, ProcessDied
from tools.matrix.cells import ROOT

# pytest stops the Airflows of its tests before it ends.
GRACE_SECONDS = 20.0


@dataclass(frozen=True)
class Ended:
    """
    A program that has ended.

    :param code: its exit code
    :param output: what it has printed, errors among it
    """

    code: int
    output: str


def run(command: Sequence[str | Path], python: Path, seconds: float, *, grace: float = GRACE_SECONDS) -> Ended:
    """
    Run a program of a cell to its end, and end all processes that it leaves behind.

    :param python: the cell's interpreter
    :param grace: seconds after which one that is asked to stop is killed
    :raises TimeoutError: if it still runs after so many seconds, with the end of its output; it is then stopped
    """
    with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
        log = Path(folder) / "program.log"
        process = Process([str(part) for part in command], env=environment(python), log=log, cwd=ROOT, grace=grace)
        try:
            with suppress(ProcessDied):
                process.wait(seconds)
        finally:
            process.stop()
        code = process.exit_code
        assert code is not None
        return Ended(code, log.read_text(errors="replace"))


def environment(python: Path) -> dict[str, str]:
    """Return the variables of a cell's processes: its programs come first, and Airflow is set up by no other's."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        # Options of pytest may name what only another environment has.
        if not name.startswith(("AIRFLOW", "PYTEST", "PYTHON", "VIRTUAL"))
    }
    return {**inherited, "PATH": os.pathsep.join([str(python.parent), os.environ.get("PATH", "")])}
