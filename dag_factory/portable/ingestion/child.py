"""
The child's end of a child process that runs ingestion code; the parent's end is
`dag_factory.task.runner.child_process`.

It is run as ``python -I -u child.py FD``, by an interpreter that has openmetadata-ingestion. It reads one order from
standard input, a JSON document, executes it, and writes messages to the file descriptor FD, one JSON object a line:
``log`` records, each ``secret`` before it is used, at the end a ``result`` or an ``error``. The package around this
file is loaded by its path, so that nothing else of Airflow's environment can be imported here.

With ``--template`` in place of FD it is a template, which forks such children: see
`dag_factory.portable.ingestion.template`. They do the same, and their environment variables and working directory
come with their order.

All of it is done under a guard, see `dag_factory.portable.ingestion.guard`, with which it ends when the parent does.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import sys
import threading
import traceback
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

LONGEST_MESSAGE = 64 * 1024 * 1024
"""In bytes: no line between parent and child is longer, either way."""

# In characters. JSON makes 12 bytes of one at most, so a message with such a text is whole.
_LONGEST_TEXT = 1024 * 1024


class Messages:
    """
    Messages to the parent; thread-safe.

    The handler of a signal may send one while its thread is in the middle of another. It can't wait for that one to be
    complete, since the thread goes on only after the handler; so its own is dropped, and no line is torn.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._unlock()
        os.register_at_fork(after_in_child=self._unlock)

    def _unlock(self) -> None:
        self._lock = threading.RLock()
        self._is_sending = False

    def send(self, **message: Any) -> None:
        """
        Send one message, or nothing where this thread is sending another.

        :raises ValueError: where it is too long
        """
        data = json.dumps(message).encode() + b"\n"
        if len(data) > LONGEST_MESSAGE:
            raise ValueError(f"a message of the child takes more than {LONGEST_MESSAGE} bytes")
        with self._lock:
            if self._is_sending:
                return
            self._is_sending = True
            try:
                while data:
                    data = data[os.write(self._descriptor, data) :]
            finally:
                self._is_sending = False


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
            self._messages.send(log={"name": record.name, "level": record.levelno, "text": shortened(text)})
        except Exception:  # noqa: BLE001 - as logging's own handlers: a record that can't be logged ends nothing
            self.handleError(record)


def main(descriptor: int, status: int | None = None) -> int:
    """
    Do the job on standard input and return the exit code.

    :param status: for the guard of a forked child, see `work_under_guard`
    """
    from dag_factory.errors import DagFactoryError
    from dag_factory.portable.ingestion.guard import work_under_guard
    from dag_factory.portable.ingestion.template import take_over
    from dag_factory.portable.openmetadata.counts import summary_of
    from dag_factory.portable.secrets.masking import Mask
    from dag_factory.portable.secrets.names import declare_names

    os.set_inheritable(descriptor, False)
    on_folder = work_under_guard(descriptor, status)
    order = json.loads(read_line())
    if status is not None:
        take_over(**order["surroundings"])
    messages = Messages(descriptor)
    logging.basicConfig(level=logging.INFO, handlers=[MessageHandler(messages)])
    logging.captureWarnings(True)
    declare_names(order["secret_names"])
    mask = Mask(in_airflow=False)
    for secret in order["secrets"]:
        mask.add(secret)

    def on_secret(secret: str) -> None:
        mask.add(secret)
        messages.send(secret=secret)

    from dag_factory.portable.ingestion.child_secrets_manager import set_up
    from dag_factory.portable.ingestion.orders import execute

    try:
        with mask.over_output():
            if order["secrets_manager"] is not None:
                set_up(**order["secrets_manager"])
            result = execute(order["kind"], order["arguments"], on_secret=on_secret, on_folder=on_folder)
        messages.send(result=result)
    except Exception as error:  # noqa: BLE001 - whatever ingestion code raises, the parent reports
        if not isinstance(error, DagFactoryError):
            logging.getLogger("dag_factory").error("%s", mask.hide(traceback.format_exc()))
        # Masked before it is cut: the parent would not recognize a part of a secret.
        text = shortened(mask.hide(getattr(error, "problem", str(error))))
        field, counted = getattr(error, "field", None), summary_of(error)
        messages.send(error={"kind": type(error).__name__, "text": text, "field": field, "summary": counted})
        return 1
    return 0


def shortened(text: str) -> str:
    """Return a text that fits into a message."""
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}… (shortened)"


def read_line() -> bytes:
    """Return the line on standard input, and leave nothing there for ingestion code to read."""
    line = bytearray()
    while not line.endswith(b"\n"):
        piece = os.read(0, 65536)
        if not piece or len(line) > LONGEST_MESSAGE:
            raise SystemExit("standard input does not hold an order")
        line += piece
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return bytes(line)


def load_package() -> None:
    """Make the package around this file importable, but nothing beside it."""
    folder = Path(__file__).resolve().parents[2]
    spec = spec_from_file_location(folder.name, folder / "__init__.py", submodule_search_locations=[str(folder)])
    assert spec is not None
    assert spec.loader is not None
    package = sys.modules[folder.name] = module_from_spec(spec)
    spec.loader.exec_module(package)


def leave(codes: list[int]) -> None:
    """
    End this process, if its order has been executed, without Python's usual cleanup.

    With openmetadata-ingestion, the cleanup takes seconds, and C extensions crash in it.
    """
    if codes:
        logging.shutdown()
        os._exit(codes[0])


def forked(arguments: list[str]) -> tuple[int, int]:
    """Be a template, and return in each child that it forks: with the descriptors for its messages and its status."""
    from dag_factory.portable.ingestion.template import Command, Template

    request = Template(Command.from_arguments(arguments)).serve()
    sys.argv[1:] = [str(request.messages)]
    return request.messages, request.status


if __name__ == "__main__":
    ended: list[int] = []
    # Registered first, so that it runs last.
    atexit.register(leave, ended)
    load_package()
    ended.append(main(*(forked(sys.argv[2:]) if sys.argv[1] == "--template" else [int(sys.argv[1])])))
    sys.exit(ended[0])
