"""Version markers: opaque for all who compare them, ordered by time."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from uuid6 import uuid7


def later_than(*markers: str | None) -> str:
    """Return a new marker that is greater than others, whatever the clocks of the machines that made them say."""
    numbers = [uuid7().int]
    for marker in markers:
        with suppress(ValueError):
            numbers.append(UUID(marker or "").int + 1)
    return str(UUID(int=max(numbers)))
