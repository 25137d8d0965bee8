"""
``python -m sandbox.forking SOCKET MODULE...`` imports modules and forks programs; `sandbox.template` is the other end.

It accepts one connection at SOCKET, and ends when that is closed. Each request is JSON (``module``, ``arguments``,
``grace``) with three files: the standard input of the program's leash, the program's output, and a socket. To that, the
leash sends its process id, and at the end the program's exit code.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

from sandbox import leash

# A request holds a command, so this is more than one has.
LARGEST_REQUEST = 64 * 1024


def main(path: str, modules: Sequence[str]) -> None:
    """Import the modules, then fork a program for each request. Return only in a program, when it has ended."""
    for name in modules:
        try:
            import_module(name)
        except ImportError as error:
            # Which of Airflow's modules there are depends on its version.
            print(f"'{name}' is not imported in advance: {error}", file=sys.stderr)
    if threading.active_count() > 1:
        # A lock that a thread holds during a fork is never released in the fork.
        print(f"Nothing can be forked: an import has started {threading.enumerate()[1:]}", file=sys.stderr, flush=True)
        # An exit in order would wait for the thread.
        os._exit(1)
    # Frozen objects are not visited by a program's garbage collector, so their memory stays shared.
    gc.collect()
    gc.freeze()
    # What an import has printed would stand in each program's output.
    sys.stdout.flush()
    request, files = next_request(path)
    stdin, output, status = files
    os.setsid()
    for file, number in ((stdin, 0), (output, 1), (output, 2)):
        os.dup2(file, number)
    os.close(stdin)
    os.close(output)
    fork_on_leash(status, float(request["grace"]))
    sys.argv = [request["module"], *request["arguments"]]
    runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


def next_request(path: str) -> tuple[dict[str, Any], list[int]]:
    """Fork for each request. Return in the fork, with the request and its files."""
    # Leashes report to the caller. Nobody waits for them here, so the system removes them.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen()
        requests, _ = listener.accept()
    with requests:
        while True:
            request, files, _, _ = socket.recv_fds(requests, LARGEST_REQUEST, 3)
            if not request:
                sys.exit()
            if not os.fork():
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                return json.loads(request), files
            for file in files:
                os.close(file)


def fork_on_leash(status: int, grace: float) -> None:
    """Fork the program; this process becomes its leash. Return in the program only."""
    leash.adopt_orphans()
    program = os.fork()
    if not program:
        os.close(status)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        return
    try:
        wakeup = leash.signal_pipe()
        # The program may have ended by now, before there was a handler.
        os.kill(os.getpid(), signal.SIGCHLD)
        with socket.socket(fileno=status) as caller:
            # The process id is sent only now that signals are handled. If the caller is gone, its end of the standard
            # input is closed too, and `hold` stops the program.
            with suppress(OSError):
                caller.send(str(os.getpid()).encode())
            exit_code = leash.hold(program, grace, wakeup)
            with suppress(OSError):
                caller.send(str(exit_code).encode())
    except BaseException:  # noqa: BLE001 - no exception may leave this fork
        traceback.print_exc()
        leash.kill_the_rest()
    finally:
        os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
