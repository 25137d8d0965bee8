"""Version markers: opaque to those who compare them, and ordered by time; and what loads note of them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
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


def loaded_note(marker: str, again_at: float | None) -> str:
    """
    Return what a load notes in the store.

    :param again_at: see `ConfigStore.load_again_at`
    """
    return marker if again_at is None else f"{marker}{_AGAIN}{again_at:.0f}"


def marker_in(note: str | None) -> str | None:
    """Return the marker that a load has noted, None where there is none."""
    return (note or "").partition(_AGAIN)[0] or None


def again_in(note: str | None) -> float | None:
    """Return from when on another load is needed by a load's note, None where none is."""
    with suppress(ValueError):
        return float((note or "").partition(_AGAIN)[2])
    return None


def may_need_another(store: ConfigStore, shard: Shard) -> bool:
    """Return whether Airflow may not have taken all that the last load of a shard has found."""
    return store.loaded(shard) is None or store.load_again_at(shard) is not None


def all_have_seen(store: ConfigStore, shards: Iterable[Shard], marker: str | None) -> bool:
    """Return whether the last load of each of some shards covers a marker."""
    return all(is_seen(store.loaded(shard), marker) for shard in shards)
