"""What a client's description of an object says."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# As the services call it; a generation of Google's counts up, an ETag changes with the content.
_REVISIONS = ("generation", "ETag", "etag")
_TIMES = ("LastModified", "last_modified", "mtime", "updated", "created")


@dataclass(frozen=True)
class Entry:
    """
    An object in a listing.

    :param revision: changes when the object does
    :param changed: when it was written, in seconds since the epoch, by the service's clock; None where unknown
    :param is_certain: whether two objects with this revision have the same content
    """

    revision: str
    size: int
    changed: float | None
    is_certain: bool = True


def entry_of(info: Mapping[str, Any]) -> Entry:
    """Return the entry of an object. Its revision is what the service itself calls so, else its time and size."""
    named = next((str(info[name]) for name in _REVISIONS if info.get(name)), None)
    size, changed = int(info.get("size") or 0), _changed_in(info)
    return Entry(named or f"{changed}-{size}", size, changed, is_certain=named is not None)


def _changed_in(info: Mapping[str, Any]) -> float | None:
    for value in map(info.get, _TIMES):
        if isinstance(value, datetime):
            return value.timestamp()
        if isinstance(value, (int, float)):
            return float(value)
        if isinstance(value, str):
            with suppress(ValueError):
                return datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
    return None
