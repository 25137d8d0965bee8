"""
A process that has imported what several programs need, and forks them: none of them imports it again.

Airflow takes two seconds of a core to import, and each of its components as much again. ``python -m sandbox.template
SOCKET MODULE...`` imports modules, and runs a program for each request that comes over the socket. A request is JSON,
with two files: the program's standard input and its output.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from sandbox import leash
from sandbox.client import wait_until
from sandbox.process import Process
from sandbox.scoped import Scoped

# A request holds a command, so this is more than one has.
LARGEST_REQUEST = 64 * 1024


class Template(Scoped):
    """
    Forks Python programs, with the environment and the working directory that it has itself.

    A program is started by ``Process(…, template=…)``. It has a leash of its own, as any other, and ends with the
    template too.

    :param python: the interpreter
    :param modules: what is imported in advance; one that is not there is left to the programs
    """

    def __init__(self, python: str, modules: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> None:
        # The path of a socket may have a hundred characters, and a test's folder has more.
        self._folder = Path(tempfile.mkdtemp(prefix="template-"))
        self._socket = self._folder / "socket"
        command = [python, "-m", "sandbox.template", str(self._socket), *modules]
        self._process = Process(command, env=env, log=log, cwd=cwd)

    def stop(self) -> None:
        """Stop it, and all that it has forked and that still runs."""
        self._process.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def fork(self, command: Sequence[str], output: IO[bytes], grace: float) -> Fork:
        """
        Run ``python -m MODULE ARGUMENT...`` on a leash: see ``leash.py``. The first one waits for the imports.

        :raises ProcessDied: if the template has ended
        :raises TimeoutError: if its imports take two minutes
        """
        status = wait_until(self._connected, "the template to listen", timeout=120)
        request = json.dumps({"module": command[2], "arguments": command[3:], "grace": grace})
        stdin, ours = os.pipe()
        socket.send_fds(status, [request.encode()], [stdin, output.fileno()])
        os.close(stdin)
        return Fork(status, os.fdopen(ours, "wb"))

    def _connected(self) -> tuple[socket.socket | None, str]:
        self._process.check()
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            connection.connect(str(self._socket))
        except OSError as error:
            connection.close()
            return None, str(error)
        return connection, ""


class Fork:
    """
    The leash of a program that a template has forked, with what a `subprocess.Popen` of one has.

    :param status: where the leash says its process id, and at its end the exit code
    """

    def __init__(self, status: socket.socket, stdin: IO[bytes]) -> None:
        self._status, self.stdin = status, stdin
        self._exit_code: int | None = None
        self.pid = int(status.recv(LARGEST_REQUEST))

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
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
            # A leash that was killed says nothing.
            self._exit_code = int(self._status.recv(LARGEST_REQUEST) or -signal.SIGKILL)
            self._status.close()
            # What is left is the end of a process that has said its last word.
            with suppress(ProcessLookupError):
                while True:
                    os.kill(self.pid, 0)
                    time.sleep(0.001)
        return self._exit_code


def main(path: str, modules: Sequence[str]) -> None:
    """Import modules and fork what is asked for, until it is stopped; in each program, return when that has ended."""
    for name in modules:
        with suppress(ImportError):
            import_module(name)
    # What a program's garbage collector would visit, and so copy.
    gc.collect()
    gc.freeze()
    status, request, files = next_request(path)
    os.setsid()
    for file, number in ((files[0], 0), (files[1], 1), (files[1], 2)):
        os.dup2(file, number)
    for file in files:
        os.close(file)
    if fork_on_leash(status, float(request["grace"])):
        sys.argv = [request["module"], *request["arguments"]]
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


def next_request(path: str) -> tuple[socket.socket, dict[str, Any], list[int]]:
    """Fork for each request; return in the fork, with the connection, what is asked for, and its files."""
    # Nobody here asks how a leash has ended.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen()
        while True:
            status, _ = listener.accept()
            request, files, _, _ = socket.recv_fds(status, LARGEST_REQUEST, 2)
            # Who has connected may have died since.
            if request and not os.fork():
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                return status, json.loads(request), files
            status.close()
            for file in files:
                os.close(file)


def fork_on_leash(status: socket.socket, grace: float) -> bool:
    """Fork a program from this process, which becomes its leash and ends with it; return True in the program."""
    leash.adopt_orphans()
    program = os.fork()
    if not program:
        status.close()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        return True
    try:
        wakeup = leash.woken_by_signals()
        # The program may have ended by now, which nothing has told.
        os.kill(os.getpid(), signal.SIGCHLD)
        # Nobody else knows the number until this process can take signals.
        status.send(str(os.getpid()).encode())
        exit_code = leash.hold(program, grace, wakeup)
        # Who has asked may be gone.
        with suppress(OSError):
            status.send(str(exit_code).encode())
    finally:
        os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
