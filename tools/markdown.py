"""Texts as Markdown."""

from __future__ import annotations

import re


def cell(text: str) -> str:
    """Return a text as one line of Markdown that shows what it says."""
    return re.sub(r"([*<|\[])", r"\\\1", " ".join(text.split()))
