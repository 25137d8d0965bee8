"""Version markers: opaque to those who compare them, and ordered by time."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from uuid6 import uuid7


def later_than(*markers: str | None) -> str:
    """Return a new marker that is greater than the given ones, even if other machines' clocks are ahead."""
    numbers = [uuid7().int]
    for marker in markers:
        with suppress(ValueError):
            numbers.append(UUID(marker or "").int + 1)
    return str(UUID(int=max(numbers)))
