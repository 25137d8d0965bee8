"""Python's garbage collector, while much is imported."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Python looks for unused cycles after so many new objects; by default, after some hundreds.
_OBJECTS_UNTIL_COLLECTED = 20_000


@contextmanager
def collecting_rarely() -> Iterator[None]:
    """Have Python look for unused cycles less often: an import leaves few, and the search is a fifth of its time."""
    first, *others = gc.get_threshold()
    # 0 is off.
    gc.set_threshold(first and max(first, _OBJECTS_UNTIL_COLLECTED), *others)
    try:
        yield
    finally:
        gc.set_threshold(first, *others)
