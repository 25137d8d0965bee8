"""Which of Airflow's components is this process? For hooks that all of them call."""

from __future__ import annotations

import sys


def is_start_of(name: str, component: object) -> bool:
    """
    Return whether ``on_starting`` was called for the job of a component of Airflow, before that forks anything.

    :param name: its command, such as ``scheduler``
    :param component: what the hook was called with
    """
    # The job has no type yet, so the command line is read. `airflow standalone` runs these commands, too.
    return type(component).__name__ == "Job" and name in sys.argv
