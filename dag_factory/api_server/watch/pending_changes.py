"""Which files have changed since they were last processed, and which of these changes are complete."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Debounce:
    """
    Times in seconds.

    :param settle: how long nothing must have changed before changes are processed, so that many are processed at once
    :param burst: after which they are processed even if more keep coming
    :param quiet: how long a file that may still be being written must have stayed the same
    """

    settle: float = 0.2
    burst: float = 10.0
    quiet: float = 2.0


@dataclass(frozen=True)
class _Change:
    """A revision other than the known one, None where the file is missing, and when it was first seen."""

    revision: str | None
    since: float


class PendingChanges:
    """
    The difference between the known revisions and those that are seen, key by key.

    :param known: the revisions that have been processed
    """

    def __init__(self, known: Mapping[str, str], debounce: Debounce) -> None:
        self._known = dict(known)
        self._debounce = debounce
        self._seen: dict[str, _Change] = {}
        self._began = 0.0

    def see(self, revisions: Mapping[str, str], now: float) -> None:
        """Compare with the current revisions."""
        if not self._seen:
            self._began = now
        differing = {key for key, _ in self._known.items() ^ revisions.items()}
        seen = {key: _Change(revisions.get(key), now) for key in differing}
        same = {key: change for key, change in self._seen.items() if key in seen and _is_same(change, seen[key])}
        self._seen = {**seen, **same}

    def ready(self, now: float, is_being_written: Callable[[str, float], bool]) -> dict[str, str | None]:
        """
        Return the revisions to process by key, None where the file is missing; empty while more changes keep coming.

        :param is_being_written: returns whether a key's file may be incomplete, given when its change was first seen
        """
        whole = {
            key: change
            for key, change in self._seen.items()
            if change.revision is None
            or now - change.since >= self._debounce.quiet
            or not is_being_written(key, change.since)
        }
        newest = max((change.since for change in whole.values()), default=now)
        if now - newest < self._debounce.settle and now - self._began < self._debounce.burst:
            return {}
        return {key: change.revision for key, change in whole.items()}

    def take(self, ready: Mapping[str, str | None], now: float) -> set[str]:
        """Count these as known from now on; return the keys that are new."""
        new = ready.keys() - self._known.keys()
        self.count_as_known(ready)
        self._began = now
        return new

    def count_as_known(self, revisions: Mapping[str, str | None]) -> None:
        """Count these as known from now on, by key; None where the file is missing."""
        for key, revision in revisions.items():
            self._seen.pop(key, None)
            if revision is None:
                self._known.pop(key, None)
            else:
                self._known[key] = revision

    def __bool__(self) -> bool:
        """Whether there are changes to process, now or later."""
        return bool(self._seen)


def _is_same(one: _Change, other: _Change) -> bool:
    return one.revision == other.revision
