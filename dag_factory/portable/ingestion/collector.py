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


# The pause after a search that was asked for, as a multiple of its duration.
_PAUSE = 50


@contextmanager
def collecting_on_request_rarely() -> Iterator[None]:
    """
    Within the context, `gc.collect` returns 0 without a search, until 50 times as long has passed as the last one took.

    It holds for the whole process. openmetadata-ingestion's profiler calls it after each metric of each column. In a
    process that has imported openmetadata-ingestion itself, each search takes 0.4 s of a core.
    """
    collect, next_at = gc.collect, 0.0

    def collect_rarely(generation: int = 2) -> int:
        nonlocal next_at
        began = time.monotonic()
        if began < next_at:
            return 0
        # Keeps other threads from searching at the same time.
        next_at = math.inf
        try:
            return collect(generation)
        finally:
            ended = time.monotonic()
            next_at = ended + _PAUSE * (ended - began)

    gc.collect = collect_rarely
    try:
        yield
    finally:
        gc.collect = collect
