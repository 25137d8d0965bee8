"""CPU time and memory of the processes of an Airflow that has nothing to do."""

from __future__ import annotations

import time
from contextlib import suppress

import psutil

MEGABYTE = 1024 * 1024


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process and of all below it, those included that have ended."""
    seconds = 0.0
    for process in _tree(pid):
        with suppress(psutil.NoSuchProcess):
            # With those of the children that it has waited for.
            seconds += sum(process.cpu_times()[:4])
    return seconds


def share_of_a_core(pid: int, seconds: float) -> float:
    """Return which share of a core a process and all below it use, over some seconds from now on."""
    began, before = time.monotonic(), cpu_seconds(pid)
    time.sleep(seconds)
    return (cpu_seconds(pid) - before) / (time.monotonic() - began)


def megabytes(pid: int) -> float:
    """Return the memory of a process and of all below it, what they share counted once."""
    total = 0
    for process in _tree(pid):
        with suppress(psutil.NoSuchProcess):
            total += process.memory_full_info().pss
    return total / MEGABYTE


def age(pid: int) -> float:
    """Return for how many seconds a process has run."""
    return time.time() - float(psutil.Process(pid).create_time())


def _tree(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]
