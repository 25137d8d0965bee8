"""Python's garbage collector, while much is imported, and while a workflow runs."""

from __future__ import annotations

import gc
import math
import time
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


# After a search that a workflow asked for, so many times its duration goes by before the next one.
_REST = 50


@contextmanager
def collecting_on_request_rarely() -> Iterator[None]:
    """
    Search for unused cycles at some of the requests only, so that at most a fiftieth of the time goes there.

    openmetadata-ingestion's profiler requests it after each metric of each column, and each time all that is imported
    is searched: 0.4 s of a core.
    """
    collect, next_at = gc.collect, 0.0

    def collect_rarely(generation: int = 2) -> int:
        nonlocal next_at
        began = time.monotonic()
        if began < next_at:
            return 0
        # Other threads may ask meanwhile.
        next_at = math.inf
        try:
            return collect(generation)
        finally:
            ended = time.monotonic()
            next_at = ended + _REST * (ended - began)

    gc.collect = collect_rarely
    try:
        yield
    finally:
        gc.collect = collect
