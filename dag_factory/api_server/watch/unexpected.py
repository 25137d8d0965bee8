"""How an error that nobody expects is shown in the log."""

from __future__ import annotations

import traceback
from pathlib import Path


def where(error: Exception) -> str:
    """Return the kind of an error and the line that raised it: its text may quote a config."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}, {Path(last.filename).name} line {last.lineno}"
