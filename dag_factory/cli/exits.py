"""
The exit codes of our commands: 0 is done, with nothing to report.

argparse itself exits with 2 where the arguments are wrong.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from io import TextIOWrapper
from typing import Any, NoReturn

from dag_factory.errors import DagFactoryError
from dag_factory.portable.plain_text import printable

FOUND = 1
"""What the command looks for was found: a problem, a difference."""
FAILED = 3
"""The command could not do what it was asked for, such as where the config store is missing."""
READER_GONE = 128 + signal.SIGPIPE
"""Nobody reads the output any more, as in ``… | head``. A shell says the same of a program that SIGPIPE has ended."""

_OF_OUTPUT = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT})


def fail(message: str) -> NoReturn:
    """Print a message as an error, and exit with `FAILED`."""
    print(f"{printable(message).rstrip('.')}.", file=sys.stderr)
    sys.exit(FAILED)


def command(run: Callable[..., int | None]) -> Callable[..., None]:
    """Let a command's function return its exit code, and print its errors as one line instead of a traceback."""

    @wraps(run)
    def ended(*args: Any, **kwargs: Any) -> None:
        with written_out():
            _accept_all_characters()
            try:
                code = run(*args, **kwargs)
            except DagFactoryError as error:
                fail(str(error))
            except Exception as error:  # Python's own exit code would say that something was found
                if isinstance(error, OSError) and error.errno in _OF_OUTPUT and error.filename is None:
                    raise
                print(printable(traceback.format_exc()), end="", file=sys.stderr)
                sys.exit(FAILED)
            else:
                if code:
                    sys.exit(code)

    return ended


def _accept_all_characters() -> None:
    """Have standard output show a character that its encoding lacks as an escape, as standard error does."""
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


@contextmanager
def written_out() -> Iterator[None]:
    """
    Write out what is printed, and exit with a code of ours where that fails.

    Python itself would do so at its end: the exit code would then be 120, or that of a command which has done all. An
    `OSError` within the context counts as one of writing the output.
    """
    try:
        try:
            yield
        finally:
            print(end="", flush=True)
    except BrokenPipeError:
        _drop_unwritten()
        sys.exit(READER_GONE)
    except OSError as error:
        with suppress(OSError):  # standard error may lead to the same disk
            print(f"The output can't be written ({error.strerror}). Is its disk full?", file=sys.stderr)
        _drop_unwritten()
        sys.exit(FAILED)


def _drop_unwritten() -> None:
    """Drop what can't be written: Python would try it once more at its end, and change the exit code to 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
