"""A process that is killed right before its nth change of the file system."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Callable

_CHANGES = frozenset({"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate", "os.chmod"})
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def killed_before(nth: int, work: Callable[[], object]) -> bool:
    """
    Do some work in a fork of this process; return whether it was killed, False where it came to its end.

    :raises AssertionError: where it failed
    """
    with warnings.catch_warnings():
        # Python 3.12 and newer warn of forks of processes with threads.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        code = 1
        try:
            _count_down(nth)
            work()
            code = 0
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in {0, -signal.SIGKILL}
    return code != 0


def _count_down(left: int) -> None:
    def watch(event: str, args: tuple[object, ...]) -> None:
        nonlocal left
        if event in _CHANGES or (event == "open" and isinstance(args[2], int) and args[2] & _WRITES):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
