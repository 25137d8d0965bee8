"""Deadlines: which of several is the next, and when."""

from __future__ import annotations

import time
from typing import Generic, TypeVar

What = TypeVar("What")


class Deadlines(Generic[What]):
    """Moments at which the time for something is over. One thread uses them."""

    def __init__(self) -> None:
        self._moments: dict[What, float] = {}

    def set(self, what: What, seconds: float) -> None:
        """Set the deadline for something to so many seconds from now, unless it has one already."""
        self._moments.setdefault(what, time.monotonic() + seconds)

    def first(self) -> tuple[What, float] | None:
        """Return the next deadline and the seconds until then, 0 where it has passed; None without a deadline."""
        if not self._moments:
            return None
        what, moment = min(self._moments.items(), key=lambda item: item[1])
        return what, max(moment - time.monotonic(), 0.0)

    def remove(self, what: What) -> None:
        """Forget a deadline."""
        self._moments.pop(what, None)
