"""
The guard of a child: a process that waits for the one that works, so that none of its processes is left running.

The parent starts the guard, or has a template fork it, and the guard forks the process that works:

    parent ── guard ── process that works ── whatever ingestion code starts

The guard waits until one of these happens:

- The process that works ends.
- The parent sends SIGTERM to both: the process that works has `GRACE_SECONDS` to end, then the guard kills it.
- The guard's standard input is closed, by the parent or because the parent has died. The guard then sends SIGTERM
  itself, and goes on as above.

Then it kills all processes that are left below it, removes the folders that the process that worked has named and not
removed itself (`dag_factory.portable.ingestion.staging`), and ends with the exit code, or by the signal, of the
process that worked, so that the parent sees that. On Linux no process escapes: one whose own parent ends becomes the
guard's child, even in a session of its own. Elsewhere the guard reaches only the processes of its group.

A thread could not do this: it can't run while C code of ingestion holds the interpreter's lock. Nor could the kernel
(PR_SET_PDEATHSIG): it would signal the process that works, but none of those that it has started.

The interpreter need not have psutil, so /proc is read here by hand.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from dag_factory.portable.ingestion.staging import remove

GRACE_SECONDS = 3.0
"""How long a process has to end before it is killed. Airflow gives a task 5 s."""

_PR_SET_CHILD_SUBREAPER = 36


def work_under_guard(descriptor: int, status: int | None = None) -> Callable[[Path], object]:
    """
    Fork, and return in the process that is to work; the other one becomes its guard and never returns.

    What is returned names a folder to the guard, which removes it at the end, if it is still there.

    :param descriptor: the pipe for messages. The parent reads it to its end, so the guard must not keep it open
    :param status: a socket to which a guard that was forked from a template writes its exit code, and whose end says
        that it has ended: the parent can't collect it
    """
    _adopt_orphans()
    named, names = os.pipe()
    worker = os.fork()
    if not worker:
        os.close(named)
        if status is not None:
            os.close(status)
        return lambda folder: os.write(names, os.fsencode(folder) + b"\0")
    try:
        # The parent reads these to their end, which must come when the process that works has ended.
        for each in (1, 2, descriptor, names):
            os.close(each)
        code = _guard(worker)
        _remove_folders(named)
        if status is not None:
            with suppress(OSError):
                os.write(status, b"%d" % code)
        _end_as(code)
    finally:
        os._exit(1)


def _adopt_orphans() -> None:
    # A Python may have been built without ctypes, and another system has no prctl.
    with suppress(ImportError, OSError, AttributeError):
        from ctypes import CDLL

        CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _guard(worker: int) -> int:
    """Wait until the worker has ended, or end it; kill what it has left; return its exit code (or minus a signal)."""
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    poll = select.poll()
    poll.register(woken, select.POLLIN)
    # Without an event, since only a hang-up is of interest, which poll reports anyway. The worker reads the order.
    poll.register(0, 0)
    parent_let_go = False
    deadline: float | None = None
    while (code := _collect(worker)) is None:
        if deadline is not None and time.monotonic() >= deadline:
            os.kill(worker, signal.SIGKILL)
        events = dict(poll.poll(None if deadline is None else 50))
        numbers = os.read(woken, 512) if woken in events else b""
        if 0 in events:
            parent_let_go = True
            # It would be reported again and again.
            poll.unregister(0)
            os.killpg(0, signal.SIGTERM)
        if deadline is None and (parent_let_go or signal.SIGTERM in numbers):
            deadline = time.monotonic() + GRACE_SECONDS
    _kill_the_rest()
    if parent_let_go:
        # Nobody reads the exit code. On systems where orphans are not adopted, this reaches what is left in the group.
        os.killpg(0, signal.SIGKILL)
    return code


def _collect(worker: int) -> int | None:
    """Collect all children that have ended; return the worker's exit code (or minus a signal) if it is one of them."""
    code = None
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == worker:
                code = os.waitstatus_to_exitcode(ended[1])
    return code


def _kill_the_rest() -> None:
    """Kill what the worker has left behind, until nothing is left, or what is left can't be killed."""
    deadline = time.monotonic() + GRACE_SECONDS
    while sys.platform == "linux" and _has_children() and time.monotonic() < deadline:
        for pid in _descendants(os.getpid()):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
        _collect(0)


def _remove_folders(named: int) -> None:
    """Remove the folders that the worker has named."""
    # What could not be killed may hold the other end open.
    os.set_blocking(named, False)
    with suppress(BlockingIOError):
        for folder in os.read(named, 65536).split(b"\0"):
            remove(Path(os.fsdecode(folder)))


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _descendants(root: int) -> list[int]:
    """Return the ids of all processes below one, from /proc."""
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
    """End with the exit code of the worker, or by the signal that has ended it."""
    if code >= 0:
        os._exit(code)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if -code != signal.SIGKILL:
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
