"""
Ends a task that goes on after its time-out, which Airflow's own time-out may not do.

Airflow's time-out is an exception that a signal raises in the task's main thread. While that thread waits in C code,
such as a database's driver whose server never answers, the exception waits too; and the cleanup after it may wait
again.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

log = logging.getLogger(__name__)

GRACE_SECONDS = 60.0
"""How long a task may go on after its time-out, to clean up and to report its outcome."""


@contextmanager
def no_overtime(ends_at: float | None, on_end: Callable[[], object], *, grace: float = GRACE_SECONDS) -> Iterator[None]:
    """
    End this process if what is done in the context takes too long.

    To Airflow, a process that ends this way is a failed try. A process whose C code holds the interpreter's lock can't
    be ended from within; a child can be ended by its parent.

    :param ends_at: `time.monotonic` at which its time is over, None where it has no limit
    :param on_end: called before the process is ended
    :param grace: seconds that it may go on afterwards
    """
    if ends_at is None:
        yield
        return

    def end() -> None:
        log.error(
            "This run still goes on %.0f s after its time-out, so its process is ended. It may be waiting for a "
            "database in C code, which Airflow's time-out can't interrupt. Set a time-out for its driver, or "
            "run the pipeline in a child process (dagFactory.runner)",
            grace,
        )
        with suppress(Exception):
            on_end()
        os._exit(1)

    alarm = threading.Timer(max(ends_at - time.monotonic(), 0) + grace, end)
    alarm.daemon = True
    alarm.start()
    try:
        yield
    finally:
        alarm.cancel()
