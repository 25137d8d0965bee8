"""Version markers: opaque to those who compare them, and ordered by time; and what loads note of them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from uuid6 import uuid7

if TYPE_CHECKING:
    from dag_factory.store import ConfigStore
    from dag_factory.store.shards import Shard


# No clock makes such a marker in the next thousand years. If one is written into the store by hand, it does not count:
# no later marker would be greater.
_FAR = UUID(int=1 << 127)
_AGAIN = " again at "


def later_than(*markers: str | None) -> str:
    """
    Return a new marker that is greater than the given ones, even if other machines' clocks are ahead.

    Those that no clock can have made don't count.
    """
    numbers = [uuid7().int]
    for marker in markers:
        with suppress(ValueError):
            if (given := UUID(marker or "")) < _FAR:
                numbers.append(given.int + 1)
    return str(UUID(int=max(numbers)))


def is_seen(noted: str | None, marker: str | None) -> bool:
    """
    Return whether a load that noted a marker covers another marker.

    :param noted: None where no load has noted one
    :param marker: None where nothing was ever changed
    """
    return noted == marker or (_is_ordered(noted) and _is_ordered(marker) and str(marker) < str(noted) < str(_FAR))


def _is_ordered(marker: str | None) -> bool:
    """Return whether a marker is of the kind that is ordered by time; one of a later version may be of another."""
    with suppress(ValueError):
        return str(UUID(marker or "")) == marker
    return False


@dataclass(frozen=True)
class LoadNote:
    """
    What a load of a shard notes in the store.

    :param marker: the marker that it found before it read configs, None where no load has noted one
    :param again_at: from when on another load is needed, in seconds since the epoch, since Airflow may not take all
        that this one has found; None where it does
    """

    marker: str | None = None
    again_at: float | None = None

    @classmethod
    def of(cls, text: str | None) -> LoadNote:
        """Return the note that was written as a text, without what can't be read of it."""
        marker, _, again_at = (text or "").partition(_AGAIN)
        with suppress(ValueError):
            return cls(marker or None, float(again_at))
        return cls(marker or None)

    def __str__(self) -> str:
        again = "" if self.again_at is None else f"{_AGAIN}{self.again_at:.0f}"
        return f"{self.marker or ''}{again}"

    @property
    def may_need_another(self) -> bool:
        """Whether Airflow may not have taken all that the load has found."""
        return self.marker is None or self.again_at is not None


def all_have_seen(store: ConfigStore, shards: Iterable[Shard], marker: str | None) -> bool:
    """Return whether the last load of each of some shards covers a marker."""
    return all(is_seen(store.loaded(shard), marker) for shard in shards)


def unseen(store: ConfigStore, shards: Iterable[Shard], marker: str | None) -> list[Shard]:
    """Return those of some shards whose last load does not cover a marker."""
    return [shard for shard in shards if not is_seen(store.loaded(shard), marker)]
