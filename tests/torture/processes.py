"""Work in processes of its own, which may be killed while they are at it."""

from __future__ import annotations

import os
import pickle
import select
import signal
from collections.abc import Callable
from typing import Any

KILLED = "killed"
HUNG = "hung"
LIMIT_SECONDS = 60


def forked(work: Callable[[], object]) -> int:
    """Start some work and return the id of its process; the work decides when that ends."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid


def answer_of(work: Callable[[], object]) -> Any:
    """Return what some work returns in a process of its own; KILLED where it was, HUNG where it took too long."""
    reader, writer = os.pipe()

    def answered() -> None:
        os.close(reader)
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(pickle.dumps(work()))

    pid = forked(answered)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        ready, _, _ = select.select([pipe], [], [], LIMIT_SECONDS)
        if not ready:
            os.kill(pid, signal.SIGKILL)
        data = pipe.read()
    os.waitpid(pid, 0)
    if not ready:
        return HUNG
    return pickle.loads(data) if data else KILLED
