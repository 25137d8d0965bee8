"""
Run one command on a leash: ``python leash.py GRACE COMMAND...``.

The command is stopped when the leash's standard input is closed, because the process at the other end closes it or
dies, or when the leash gets SIGTERM or SIGINT. It gets SIGTERM, GRACE seconds later SIGTERM again, which Airflow's
scheduler and triggerer take for "now", and after another GRACE seconds SIGKILL. Once the command has ended, for any
reason, every process that it left behind is killed. The leash ends with the command's exit code, as a shell does: 128
plus the signal's number for a command that was killed.

A pipe is used instead of PR_SET_PDEATHSIG, which must be set between fork and exec, follows the parent's thread instead
of its process, and does not reach grandchildren. Only the standard library is imported: a leash starts in 20 ms.
"""

import ctypes
import os
import select
import signal
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


def main(grace: float, command: list[str]) -> int:
    """Run the command until it ends, or is ended, and return its exit code."""
    adopt_orphans()
    wakeup = signal_pipe()
    # Not subprocess.Popen: it collects children itself, and then the exit code is lost.
    no_input = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
    return hold(os.posix_spawnp(command[0], command, os.environ, file_actions=no_input), grace, wakeup)


def signal_pipe() -> int:
    """Return the reading end of a pipe that gets the number of each SIGTERM, SIGINT and SIGCHLD, as a byte."""
    wakeup, writer = os.pipe()
    os.set_blocking(writer, False)
    # A handler is needed for set_wakeup_fd to report the signal; what it does is up to `hold`.
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(writer)
    return wakeup


def hold(leader: int, grace: float, wakeup: int) -> int:
    """Wait until a child has ended or was stopped, kill what it has left behind, and return its exit code."""
    sources = [wakeup, sys.stdin.fileno()]
    steps = iter([signal.SIGTERM, signal.SIGTERM, signal.SIGKILL])
    deadline = None
    while True:
        timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
        readable, _, _ = select.select(sources, [], [], timeout)
        signals = os.read(wakeup, 512) if wakeup in readable else b""
        exit_code = reap(leader)
        if exit_code is not None:
            kill_the_rest()
            return exit_code
        asked_to_stop = signal.SIGTERM in signals or signal.SIGINT in signals
        let_go = sys.stdin.fileno() in readable and not os.read(sys.stdin.fileno(), 512)
        if let_go:
            # At its end it stays readable for ever, and this loop would spin.
            sources.remove(sys.stdin.fileno())
        overdue = deadline is not None and time.monotonic() >= deadline
        if overdue or (deadline is None and (asked_to_stop or let_go)):
            os.kill(leader, next(steps, signal.SIGKILL))
            deadline = time.monotonic() + grace


def adopt_orphans() -> None:
    """Become the parent of all orphans below, where the system offers that: none escapes by a fork or a new session."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap(leader: int) -> int | None:
    """Collect ended children and return the leader's exit code if it was among them."""
    exit_code = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return exit_code
        if pid == 0:
            return exit_code
        if pid == leader:
            code = os.waitstatus_to_exitcode(status)
            exit_code = code if code >= 0 else 128 - code


def kill_the_rest() -> None:
    """Kill what the leader left behind, until nothing is left."""
    if sys.platform != "linux":
        # The leash is in this group too. Its exit code is lost then, but nothing is left running.
        os.killpg(0, signal.SIGKILL)
    while children := descendants(os.getpid()):
        for pid in children:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.01)
        reap(0)


def descendants(root: int) -> list[int]:
    """Return the processes below one, from /proc, zombies included."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name of the program, in parentheses, may itself hold spaces and parentheses.
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found: list[int] = []
    pending = [root]
    while pending:
        below = children.get(pending.pop(), [])
        found += below
        pending += below
    return found


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
