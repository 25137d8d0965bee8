"""
The exit codes of our commands: 0 is done, with nothing to report.

argparse itself exits with 2 where the arguments are wrong.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn

from dag_factory.errors import DagFactoryError

FOUND = 1
"""What the command looks for was found: a problem, a difference."""
FAILED = 3
"""The command could not do what it was asked for, such as where the config store is missing."""


def fail(message: str) -> NoReturn:
    """Print a message as an error, and exit with `FAILED`."""
    print(f"{message.rstrip('.')}.", file=sys.stderr)
    sys.exit(FAILED)


def command(run: Callable[..., int | None]) -> Callable[..., None]:
    """Let a command's function return its exit code, and print its errors as one line instead of a traceback."""

    @wraps(run)
    def ended(*args: Any, **kwargs: Any) -> None:
        try:
            code = run(*args, **kwargs)
        except DagFactoryError as error:
            fail(str(error))
        except BrokenPipeError:
            raise
        except Exception:  # noqa: BLE001 - Python's own exit code would say that something was found
            traceback.print_exc()
            sys.exit(FAILED)
        else:
            if code:
                sys.exit(code)

    return ended
