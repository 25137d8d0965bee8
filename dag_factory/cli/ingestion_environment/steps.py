"""The programs that build an environment: each is run to its end, or ended with all that it has started."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from dag_factory.errors import EnvironmentBuildError

_TAIL_LINES = 15
# What is read of the end of a program's output, in bytes.
_TAIL_BYTES = 64 * 1024


def run(what: str, command: Sequence[str], *, log: Path, env: Mapping[str, str], seconds: float | None = None) -> str:
    """
    Run a program and return what it has printed, cut at the front where that is long.

    :param what: what it does, for the error
    :param log: gets what it prints; its folder is the working directory, so that no configuration of another is read
    :raises EnvironmentBuildError: where it fails, can't be started or takes too long, with the end of what it printed
    """
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                command,
                cwd=log.parent,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        except OSError as error:
            raise EnvironmentBuildError(f"{what} failed: '{command[0]}' can't be started ({error.strerror})") from None
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise EnvironmentBuildError(f"{what} took more than {seconds:.0f} s and was ended") from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    printed = _tail(log)
    if code != 0:
        last = [line for line in printed.splitlines() if line.strip()][-_TAIL_LINES:]
        raise EnvironmentBuildError("\n  ".join([f"{what} failed:", *last]))
    return printed


def _tail(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        return file.read().decode(errors="replace")
