"""Has xdist run tests that share something costly in one worker."""

from __future__ import annotations

from typing import Any

import pytest


def bind(item: pytest.Function, group: str) -> None:
    """Have xdist run a test in one worker with all others of its group, as its mark `xdist_group` promises to."""
    # That writes to an attribute which pytest 9.2 no longer reads. Older versions of pytest read that attribute.
    name = f"{item.nodeid}@{group.replace('::', ' ')}"
    if hasattr(item, "_id"):
        item._id = type(item._id).parse(name)
    else:
        older: Any = item
        older._nodeid = name
