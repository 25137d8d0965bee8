"""A child process whose output goes to a log file and that never outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.scoped import Scoped

if TYPE_CHECKING:
    from sandbox.template import ForkedLeash, Template

LEASH = Path(__file__).with_name("leash.py")
LEASH_SLACK_SECONDS = 5.0


class ProcessDied(RuntimeError):
    """A process that should run has ended. The message names it and shows the end of its log."""


class Process:
    """
    One command, running on a leash (see ``leash.py``) in a session of its own.

    It ends, with all processes below it, when it is stopped, and when this Python process dies, even by SIGKILL. Its
    name is that of its log file. ``grace`` is the time in seconds between the signals that stop it. With a
    ``template``, a command ``python -m MODULE ARGUMENT...`` is forked from that, and has the template's environment and
    working directory in place of ``env`` and ``cwd``.
    """

    def __init__(  # noqa: PLR0913 - all but the first by name
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        log: Path,
        cwd: Path | None = None,
        grace: float = 3.0,
        template: Template | None = None,
    ) -> None:
        self.name = log.stem
        self.log = log
        self._grace = grace
        log.parent.mkdir(parents=True, exist_ok=True)
        self._leash: subprocess.Popen[bytes] | ForkedLeash
        with log.open("ab") as output:
            if template is not None:
                self._leash = template.fork(command, output, grace)
            else:
                self._leash = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(LEASH), str(grace), *command],
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=dict(env),
                    cwd=cwd,
                    # Ctrl-C in a terminal goes to the whole foreground group, but we stop these in order.
                    start_new_session=True,
                )

    @property
    def pid(self) -> int:
        """The leash's process id, which is the id of its session and group too."""
        return self._leash.pid

    @property
    def exit_code(self) -> int | None:
        """The command's exit code, or None while it runs."""
        return self._leash.poll()

    def check(self) -> None:
        """Raise ProcessDied if the process has ended."""
        if self.exit_code is not None:
            raise ProcessDied(
                f"{self.name} ended with exit code {self.exit_code}. The end of {self.log}:\n{self.tail()}"
            )

    def wait(self, timeout: float) -> None:
        """Wait until the process has ended; raise ProcessDied if it fails, TimeoutError if it takes too long."""
        try:
            exit_code = self._leash.wait(timeout)
        except subprocess.TimeoutExpired:
            raise TimeoutError(
                f"{self.name} still ran after {timeout:.0f} s. The end of {self.log}:\n{self.tail()}"
            ) from None
        if exit_code != 0:
            self.check()

    def tail(self, lines: int = 30) -> str:
        """Return the last lines of the log."""
        with self.log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 64 * 1024))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])

    def let_go(self) -> None:
        """Ask the process to stop, and return at once, so that several can stop at the same time."""
        if self._leash.stdin is not None:
            with suppress(BrokenPipeError):
                self._leash.stdin.close()

    def stop(self) -> None:
        """Stop the process and all below it, and return when they are gone. Does nothing the second time."""
        self.let_go()
        try:
            self._leash.wait(2 * self._grace + LEASH_SLACK_SECONDS)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self._leash.pid, signal.SIGKILL)
            self._leash.wait()


class OneProcess(Scoped):
    """What is nothing but one process, from its start on."""

    _process: Process | None = None

    def check(self) -> None:
        """Raise ProcessDied if it has ended."""
        if self._process is not None:
            self._process.check()

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.stop()

    @property
    def pid(self) -> int:
        """The process id of its leash."""
        if self._process is None:
            raise RuntimeError(f"{type(self).__name__} has not been started")
        return self._process.pid
