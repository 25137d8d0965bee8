"""
What openmetadata-ingestion changes in SQLAlchemy, kept apart from other tasks of a worker that has imported it.

Its import replaces methods of SQLAlchemy, such as how PostgreSQL's columns are read, and what an `Enum` makes of an
unknown value. That is meant for its own runs, and a worker runs tasks of other DAGs too.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_ABSENT: Any = object()

_patches: list[tuple[type, str, Any]] = []


@contextmanager
def patches_set_aside() -> Iterator[None]:
    """Undo at the end what was changed within the context, and keep the changes for `apply_patches`."""
    before = {each: dict(vars(each)) for each in _changed_classes()}
    try:
        yield
    finally:
        for each, names in before.items():
            for name, value in dict(vars(each)).items():
                if value is not names.get(name, _ABSENT):
                    _patches.append((each, name, value))
                    if name in names:
                        setattr(each, name, names[name])
                    else:
                        delattr(each, name)


def apply_patches() -> None:
    """Change SQLAlchemy for this process as openmetadata-ingestion has, where that was set aside."""
    while _patches:
        each, name, value = _patches.pop(0)
        setattr(each, name, value)


def _changed_classes() -> list[type]:
    """Return the classes of SQLAlchemy of which some may be changed; empty where SQLAlchemy is not installed."""
    try:
        from sqlalchemy.dialects import mssql, mysql, oracle, postgresql, sqlite  # noqa: F401 - they may be changed
        from sqlalchemy.engine.interfaces import Dialect
        from sqlalchemy.engine.reflection import Inspector
        from sqlalchemy.types import Enum
    except ImportError:
        return []
    found = {
        each
        for name, module in list(sys.modules.items())
        if name.startswith("sqlalchemy.")
        for each in vars(module).values()
        if isinstance(each, type)
        and issubclass(each, (Dialect, Inspector, Enum))
        and each.__module__.startswith("sqlalchemy.")
    }
    return sorted(found, key=lambda each: f"{each.__module__}.{each.__qualname__}")
