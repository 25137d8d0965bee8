"""
A template: a process that has imported openmetadata-ingestion, and forks a child for each order.

    worker ── template ── guard ── process that works ── whatever ingestion code starts

A worker starts it (see `dag_factory.task.runner.templates`) with one end of a socket. A request for a child is five
file descriptors: the child's standard streams, its pipe for messages, and a socket on which the child sends its
process id, waits for a byte that says to go on, and at its end sends its exit code.

A template neither executes nor reads an order. What a run may know, its environment included, goes through the pipes of
its own child. So no child can inherit anything of another.

The first request has it import. After some seconds without a request, or when a request comes and packages of its
interpreter have changed, it starts anew: the same process, without the imports; children that it has forked go on. It
ends when the worker does, however the worker dies.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from dag_factory.portable.openmetadata.installed_version import Revision, revision

OPTION = "--template"


class Command(NamedTuple):
    """
    The arguments of a template.

    :param python: the path by which its interpreter was started
    :param requests: file descriptor of its end of the worker's socket
    :param worker: process id of the worker
    :param idle: seconds without a request after which it gives back the memory of its imports
    """

    python: str
    requests: int
    worker: int
    idle: int

    def line(self, script: str) -> list[str]:
        """Return the whole command, to be run by a worker, or in place of a template that starts anew."""
        return [self.python, "-I", "-u", script, OPTION, *map(str, self)]

    @classmethod
    def from_arguments(cls, arguments: Sequence[str]) -> Command:
        """Return what stands on the command line after the option."""
        python, *numbers = arguments
        return cls(python, *map(int, numbers))


class Request(NamedTuple):
    """The file descriptors of a child."""

    stdin: int
    stdout: int
    stderr: int
    messages: int
    status: int

    def close(self) -> None:
        """Close all of them: the child has its own copies."""
        for each in self:
            os.close(each)


class Template:
    """Forks a child for each request on its worker's socket."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._environment = dict(os.environ)
        self._installed: Revision | None = None
        """What was installed when it imported packages, None before that."""
        self._has_failed = False
        self._requests = socket.socket(fileno=command.requests)
        self._requests.setblocking(False)
        os.set_inheritable(command.requests, False)
        self._woken, self._wakes = os.pipe()
        os.set_blocking(self._wakes, False)
        # A Python may have been built for a kernel without it. The end of the socket is noticed all the same.
        self._worker: int | None = None
        with suppress(AttributeError, OSError):
            self._worker = os.pidfd_open(command.worker)

    def serve(self) -> Request:
        """Serve until the worker has ended, and then end this process; return only in a child that may go on."""
        signal.set_wakeup_fd(self._wakes, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        if os.getppid() != self._command.worker:
            os._exit(0)
        poll = select.poll()
        for each in (self._command.requests, self._woken, self._worker):
            if each is not None:
                poll.register(each, select.POLLIN)
        while True:
            _collect_children()
            ready = {each for each, _ in poll.poll(self._command.idle * 1000 if self._installed else None)}
            if self._worker in ready:
                os._exit(0)
            if self._woken in ready:
                os.read(self._woken, 512)
            if not ready:
                self._start_anew()
            if self._command.requests in ready and (request := self._answer()) is not None:
                return request

    def _answer(self) -> Request | None:
        """Fork a child for the next request. Return the request in the child, None in the template."""
        # Before the request is received: then it still waits there for the template that starts anew.
        is_outdated = self._installed is not None and self._installed != installed(self._command.python)
        if is_outdated:
            self._start_anew()
        request = self._received()
        if request is None:
            return None
        # A worker whose request is closed without an answer starts a child by itself.
        with suppress(OSError):
            if not is_outdated and self._has_imported() and not os.fork():
                self._become_child(request)
                return request
        request.close()
        return None

    def _received(self) -> Request | None:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._requests, 16, len(Request._fields), socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return None
        if not data:  # all processes of the worker have ended
            os._exit(0)
        return Request(*descriptors)

    def _has_imported(self) -> bool:
        """Import what children need, unless that is done; return False where it fails."""
        if self._installed is None:
            self._installed = installed(self._command.python)
            try:
                _import()
            except Exception:  # noqa: BLE001 - a child that imports it by itself says why in the log of its run
                traceback.print_exc()
                self._has_failed = True
            # What is never looked at is never copied into a child.
            gc.collect()
            gc.freeze()
        # A thread that holds a lock does not exist in a child, but its lock does.
        return not self._has_failed and threading.active_count() == 1

    def _start_anew(self) -> None:
        """Replace this process by one without the imports; return where that fails, as while a package is installed."""
        os.set_inheritable(self._command.requests, True)
        with suppress(OSError):
            os.execve(self._command.python, self._command.line(sys.argv[0]), self._environment)
        os.set_inheritable(self._command.requests, False)

    def _become_child(self, request: Request) -> None:
        """Give this process a session of its own and the streams of its request, and nothing of the template."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        self._requests.close()
        for each in (self._woken, self._wakes, self._worker):
            if each is not None:
                os.close(each)
        for number, each in enumerate((request.stdin, request.stdout, request.stderr)):
            os.dup2(each, number)
            os.close(each)
        try:
            os.write(request.status, b"%d\n" % os.getpid())
            goes_on = os.read(request.status, 1)
        except OSError:
            goes_on = b""
        if not goes_on:  # it took too long for the worker
            os._exit(0)


def take_over(environment: Mapping[str, str], folder: str) -> None:
    """Give a child the environment variables and the working directory that its own interpreter would have had."""
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    tempfile.tempdir = None
    with suppress(OSError):
        os.chdir(folder)


def installed(python: str) -> Revision:
    """Return what changes when an interpreter, or a package that it finds, is installed, updated or removed."""
    return revision([python, Path(sys.prefix, "pyvenv.cfg"), Path(__file__).parent, *sys.path])


def _import() -> None:
    from dag_factory.portable.ingestion import child_secrets_manager, orders  # noqa: F401 - a child uses them
    from dag_factory.portable.ingestion.imports import import_ingestion

    import_ingestion()


def _collect_children() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
