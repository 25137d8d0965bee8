"""
What a child runs: ``python -I -u child.py FD``, in an interpreter that has openmetadata-ingestion.

It reads one JSON document from standard input, what to do and with what, does it, and writes messages to the file
descriptor FD, one JSON object a line: ``log`` records, a ``secret`` before it is used, at the end a ``result`` or an
``error``. The package around this file is loaded from where it lies, so that nothing else of the environment that it
is installed in, Airflow's, can be imported here. `dag_factory.runner.process` is the other end.

The child ends with its parent, however that ends: a guard, forked before the document is read, waits for standard input
to be closed and then ends the whole process group. It is a process, not a thread, which ingestion code that does not
give up the interpreter's lock would stop; and not PR_SET_PDEATHSIG, which only Linux has and which says nothing to the
processes that ingestion code starts.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import select
import signal
import sys
import threading
import time
import traceback
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

GRACE_SECONDS = 3.0
"""How long a child that is asked to end has until it is killed. Airflow gives a task 5 s."""

_LONGEST_TEXT = 1024 * 1024
_LONGEST_JOB = 64 * 1024 * 1024


class Messages:
    """The way back to the parent; may be used by any thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._unlock()
        os.register_at_fork(after_in_child=self._unlock)

    def _unlock(self) -> None:
        self._lock = threading.Lock()

    def send(self, **message: Any) -> None:
        """Send one message."""
        data = json.dumps(message).encode() + b"\n"
        with self._lock:
            while data:
                data = data[os.write(self._descriptor, data) :]


class MessageHandler(logging.Handler):
    """Sends log records to the parent."""

    def __init__(self, messages: Messages) -> None:
        super().__init__()
        self._messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
            if record.exc_info and record.exc_info[0] is not None:
                text = f"{text}\n{''.join(traceback.format_exception(*record.exc_info))}"
            self._messages.send(log={"name": record.name, "level": record.levelno, "text": text[:_LONGEST_TEXT]})
        except Exception:  # noqa: BLE001 - as logging's own handlers: a record that can't be logged ends nothing
            self.handleError(record)


def main(descriptor: int) -> int:
    """Do what standard input says and return the exit code."""
    os.set_inheritable(descriptor, False)
    start_guard(descriptor)
    order = json.loads(read_line())
    messages = Messages(descriptor)
    logging.basicConfig(level=logging.INFO, handlers=[MessageHandler(messages)])
    logging.captureWarnings(True)
    load_package()
    from dag_factory.errors import DagFactoryError
    from dag_factory.masking import Mask
    from dag_factory.workflow.jobs import execute

    mask = Mask(in_task=False)
    for secret in order["secrets"]:
        mask.add(secret)

    def on_secret(secret: str) -> None:
        mask.add(secret)
        messages.send(secret=secret)

    try:
        with mask.over_output():
            result = execute(order["kind"], order["job"], on_secret=on_secret)
    except Exception as error:  # noqa: BLE001 - whatever ingestion code raises is for the parent to tell
        if not isinstance(error, DagFactoryError):
            logging.getLogger("dag_factory").error("%s", traceback.format_exc())
        kind, field = type(error).__name__, getattr(error, "field", None)
        messages.send(
            error={"kind": kind, "text": getattr(error, "problem", str(error))[:_LONGEST_TEXT], "field": field}
        )
        return 1
    messages.send(result=result)
    return 0


def start_guard(descriptor: int) -> None:
    """Fork the process that ends this one's group once the other end of standard input is closed."""
    leader = os.getpid()
    guard = os.fork()
    if guard:
        # One that ends well leaves no orphan: in a container, there may be nobody to collect it.
        atexit.register(dismiss, guard, leader)
        return
    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        # The parent waits for the end of these.
        for each in (1, 2, descriptor):
            os.close(each)
        poll = select.poll()
        poll.register(0, 0)  # a hang-up is reported unasked; the job is not the guard's to read
        poll.poll()
        os.killpg(leader, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        while os.getppid() == leader and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(leader, signal.SIGKILL)
    finally:
        os._exit(1)


def dismiss(guard: int, leader: int) -> None:
    """End the guard, unless this is a fork of the process that has it."""
    if os.getpid() == leader:
        os.kill(guard, signal.SIGKILL)
        os.waitpid(guard, 0)


def read_line() -> bytes:
    """Return the line that standard input holds, and leave nothing there to read for ingestion code."""
    line = bytearray()
    while not line.endswith(b"\n"):
        piece = os.read(0, 65536)
        if not piece or len(line) > _LONGEST_JOB:
            raise SystemExit("standard input holds no job")
        line += piece
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return bytes(line)


def load_package() -> None:
    """Make the package around this file importable, and nothing that lies beside it."""
    folder = Path(__file__).resolve().parents[1]
    spec = spec_from_file_location(folder.name, folder / "__init__.py", submodule_search_locations=[str(folder)])
    assert spec is not None
    assert spec.loader is not None
    package = sys.modules[folder.name] = module_from_spec(spec)
    spec.loader.exec_module(package)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
