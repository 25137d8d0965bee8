"""A wait for what comes true in its own time, such as the end of a process: no test asserts how soon."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import psutil


def wait_for(condition: Callable[[], bool], timeout: float = 60) -> None:
    """Return as soon as the condition is true; fail the test where it isn't within ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it didn't come true in time"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """Return whether a process has not ended, which it may do between two questions."""
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False
