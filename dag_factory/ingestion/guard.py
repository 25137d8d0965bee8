"""
The guard of a child: the process that the parent starts, with one below it that does the work.

What works under a guard ends with it, and it ends with the parent, however that ends: it waits for the work to be over,
or for standard input to be closed, then ends every process below it, and itself as the one that worked has ended. On
Linux nothing escapes by a session or a double fork, since orphans become the guard's own; elsewhere only those of the
process group are reached.

It is a process, not a thread, which ingestion code that does not give up the interpreter's lock would stop; and not
PR_SET_PDEATHSIG, which says nothing to the processes that ingestion code starts.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

GRACE_SECONDS = 3.0
"""How long what is asked to end has until it is killed. Airflow gives a task 5 s."""

_PR_SET_CHILD_SUBREAPER = 36


def work_under_guard(descriptor: int) -> None:
    """
    Fork; return in the process that is to work, while the other one guards it and never returns.

    :param descriptor: a way to the parent, which waits for its end
    """
    _adopt_orphans()
    worker = os.fork()
    if not worker:
        return
    try:
        # Its outputs end when those that work have ended.
        for each in (1, 2, descriptor):
            os.close(each)
        _end_as(_guard(worker))
    finally:
        os._exit(1)


def _adopt_orphans() -> None:
    # A Python may have been built without ctypes, and another system has no prctl.
    with suppress(ImportError, OSError, AttributeError):
        from ctypes import CDLL

        CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _guard(worker: int) -> int:
    """Wait until the work is over, end it where nobody wants it any more, and return the worker's exit code."""
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    poll = select.poll()
    poll.register(woken, select.POLLIN)
    poll.register(0, 0)  # a hang-up is reported unasked; the job is not the guard's to read
    let_go = False
    deadline: float | None = None
    while (code := _collect(worker)) is None:
        if deadline is not None and time.monotonic() >= deadline:
            os.kill(worker, signal.SIGKILL)
        events = dict(poll.poll(None if deadline is None else 50))
        numbers = os.read(woken, 512) if woken in events else b""
        if 0 in events:
            let_go = True
            # It would be reported again and again.
            poll.unregister(0)
            os.killpg(0, signal.SIGTERM)
        if deadline is None and (let_go or signal.SIGTERM in numbers):
            deadline = time.monotonic() + GRACE_SECONDS
    _kill_the_rest()
    if let_go:
        # With nobody to hear how it ended, this one may go as well.
        os.killpg(0, signal.SIGKILL)
    return code


def _collect(worker: int) -> int | None:
    """Collect what has ended, and return the worker's exit code if it is among it, negative for a signal."""
    code = None
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == worker:
                code = os.waitstatus_to_exitcode(ended[1])
    return code


def _kill_the_rest() -> None:
    """Kill what the worker has left behind, for as long as there is some that can be killed."""
    deadline = time.monotonic() + GRACE_SECONDS
    while sys.platform == "linux" and _has_children() and time.monotonic() < deadline:
        for pid in _descendants(os.getpid()):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
        _collect(0)


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _descendants(root: int) -> list[int]:
    """Return the processes below one, from /proc."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name of the program, in parentheses, may itself hold spaces and parentheses.
            parent = int(stat.read_text(errors="replace").rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found: list[int] = []
    pending = [root]
    while pending:
        below = children.get(pending.pop(), [])
        found += below
        pending += below
    return found


def _end_as(code: int) -> None:
    """End as the worker has ended."""
    if code >= 0:
        os._exit(code)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if -code != signal.SIGKILL:
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
