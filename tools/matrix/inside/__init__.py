"""What runs in a cell's own environment: each module prints what it has found, a summary and what failed."""

from __future__ import annotations

import json

_FOUND = "Found: "


def say_found(summary: str, failed: list[str]) -> None:
    """Print an outcome in a line that `found_in` knows among others."""
    print(_FOUND + json.dumps([summary, failed]), flush=True)


def found_in(output: str) -> tuple[str, list[str]]:
    """Return the summary and what failed, from what a module has printed, errors among it."""
    line = next(line for line in reversed(output.splitlines()) if line.startswith(_FOUND))
    summary, failed = json.loads(line.removeprefix(_FOUND))
    return summary, failed
