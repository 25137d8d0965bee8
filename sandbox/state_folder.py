"""The folder in which a sandbox keeps everything: for one sandbox at a time, which says there where it is."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sandbox.files import write_whole
from sandbox.overview import shown

_ENDPOINTS = "endpoints.json"


class RunError(RuntimeError):
    """The sandbox can't be run, or its ingestion failed."""


@contextmanager
def published(path: Path, content: dict[str, Any]) -> Iterator[None]:
    """Write a file that only its owner can read, and remove it at the end of the context."""
    write_whole(path, json.dumps(content, indent=2) + "\n")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Lock the state folder against other sandboxes; the lock ends with this process, however that ends."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (state / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"{shown(state)} is in use by another sandbox{_address(state)}, which is not affected. Use that one, "
                "or stop it by Ctrl-C in its terminal. To start another one beside it, give that a folder of its own: "
                "make run STATE=FOLDER"
            ) from None
        yield


def _address(state: Path) -> str:
    """Return where the sandbox of a folder is, empty while it starts."""
    with suppress(OSError, ValueError, KeyError):
        return f" ({json.loads((state / _ENDPOINTS).read_text(encoding='utf-8'))['airflow']})"
    return ""
