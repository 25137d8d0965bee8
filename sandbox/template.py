"""
A process that has imported what several programs need, and forks them: none of them imports it again.

Airflow takes two seconds of a core to import, and each of its components as much again. What runs in the process is
`sandbox.forking`.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

from sandbox.client import wait_until
from sandbox.process import OneProcess, Process, ProcessDied

# In characters.
LONGEST_NUMBER = 64


class Template(OneProcess):
    """
    Forks Python programs, on Linux, with the environment and the working directory that it has itself.

    A program is started by ``Process(…, template=…)``. Each program has a leash of its own. When the template ends, its
    programs are killed at once.

    :param python: the interpreter
    :param modules: what is imported in advance
    """

    def __init__(self, python: str, modules: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> None:
        self._python, self._modules = python, modules
        self._env, self._cwd, self._log = env, cwd, log
        self._requests: socket.socket | None = None

    def start(self, timeout: float = 120) -> None:
        """
        Start it, and return when it has imported its modules.

        :raises ProcessDied: if it ended instead
        :raises TimeoutError: if it takes longer than so many seconds
        """
        # The path of a socket has at most about a hundred characters, and one in a test's folder may be longer.
        folder = Path(tempfile.mkdtemp(prefix="template-"))
        path = str(folder / "socket")

        def connect() -> tuple[socket.socket | None, str]:
            self.check()
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            try:
                connection.connect(path)
            except OSError as error:
                connection.close()
                return None, str(error)
            return connection, ""

        try:
            command = [self._python, "-m", "sandbox.forking", path, *self._modules]
            self._process = Process(command, env=self._env, log=self._log, cwd=self._cwd)
            self._requests = wait_until(connect, "the template to listen", timeout)
        finally:
            shutil.rmtree(folder)

    def stop(self) -> None:
        """Stop it, and all that it has forked and that still runs."""
        if self._requests is not None:
            self._requests.close()
            self._requests = None
        super().stop()

    def fork(self, command: Sequence[str], output: IO[bytes], grace: float) -> ForkedLeash:
        """
        Run ``python -m MODULE ARGUMENT...`` on a leash: see ``leash.py``.

        :raises ProcessDied: if the template does not run, or can't fork; its log says why
        :raises ValueError: if it is another command
        """
        python, option, module, *arguments = command
        if (python, option) != (self._python, "-m"):
            raise ValueError(f"A template runs modules by {self._python} alone: {command}")
        if self._process is None or self._requests is None:
            raise ProcessDied("the template does not run")
        request = json.dumps({"module": module, "arguments": arguments, "grace": grace}).encode()
        with ExitStack() as on_error:
            status, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            on_error.callback(status.close)
            read, write = os.pipe()
            stdin = on_error.enter_context(os.fdopen(write, "wb"))
            try:
                with theirs, os.fdopen(read, "rb"):
                    socket.send_fds(self._requests, [request], [read, output.fileno(), theirs.fileno()])
                forked = ForkedLeash(status, stdin)
            except (OSError, EOFError) as error:
                with suppress(TimeoutError):
                    # It raises where the template has died, and says how.
                    self._process.wait(5)
                raise ProcessDied(f"The template has not forked {module}: {error!r}. See {self._log}") from error
            on_error.pop_all()
        return forked


class ForkedLeash:
    """
    The leash of a forked program, with the part of `subprocess.Popen` that `Process` uses.

    :param status: where the leash sends its process id, and then the program's exit code
    :raises EOFError: if the leash ended before it sent its process id
    :raises TimeoutError: if it has not sent it within a minute
    """

    def __init__(self, status: socket.socket, stdin: IO[bytes]) -> None:
        self._status, self.stdin = status, stdin
        self._exit_code: int | None = None
        status.settimeout(60)
        said = status.recv(LONGEST_NUMBER)
        if not said:
            raise EOFError("its leash has ended")
        self.pid = int(said)
        # Readable once the leash has ended; None if it had ended before this.
        self._pidfd: int | None = None
        with suppress(ProcessLookupError):
            self._pidfd = os.pidfd_open(self.pid)

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self._exit_code

    def wait(self, timeout: float | None = None) -> int:
        """
        Return the exit code when it has ended.

        :raises subprocess.TimeoutExpired: if that takes longer than so many seconds
        """
        if self._exit_code is None:
            if self._pidfd is not None:
                if not select.select([self._pidfd], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
                os.close(self._pidfd)
            # A leash that was killed says nothing.
            self._exit_code = int(self._status.recv(LONGEST_NUMBER) or -signal.SIGKILL)
            self._status.close()
        return self._exit_code
