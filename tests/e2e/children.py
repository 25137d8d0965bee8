"""The processes of a run by another interpreter: its guard, what has started or forked it, and its task."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

import psutil

from dag_factory.portable.ingestion.template import OPTION
from dag_factory.task.runner.interpreter import SCRIPT
from sandbox.stack import AirflowStack


def guards() -> Iterator[psutil.Process]:
    """Yield the guards of all runs on this machine, each the leader of its group."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if runs_script(process) and not is_template(process) and os.getpgid(process.pid) == process.pid:
                yield process


def task_of_guard(airflow: AirflowStack) -> psutil.Process | None:
    """Return the process of a task whose run has a guard, None while there is none, or another task too."""
    scheduler = psutil.Process(airflow.processes["scheduler"].pid)
    below = scheduler.children(recursive=True)
    with suppress(psutil.Error):
        for guard in guards():
            if guard in below and is_template(parent := guard.parent()):
                workers = [each for each in parent.parent().children() if each != parent]
                tasks = [task for worker in workers for task in worker.children() if is_alive(task)]
                return tasks[0] if len(tasks) == 1 else None
            if guard in below:
                return guard.parent()
    return None


def is_alive(process: psutil.Process) -> bool:
    """Return whether a process has not ended; one that has stays in the list until its parent asks for its outcome."""
    return bool(process.status() != psutil.STATUS_ZOMBIE)


def is_template(process: psutil.Process) -> bool:
    """Return whether a process is a template, and not forked from one."""
    return OPTION in process.cmdline() and not runs_script(process.parent())


def runs_script(process: psutil.Process) -> bool:
    """Return whether a process was started with our script, or forked from one that was."""
    return str(SCRIPT) in process.cmdline()
