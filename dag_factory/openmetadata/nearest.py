"""Near misses of names: which of those that are known was probably meant."""

from __future__ import annotations

from difflib import get_close_matches
from functools import lru_cache

# A name that is alike by less is another one. Newer servers' fields must not be taken for misspelt ones.
_LIKENESS = 0.8
# Two letters that have changed places make more of a short one.
_SHORT, _LIKENESS_OF_SHORT = 5, 0.75
# No name that is known is longer, and to compare long texts takes long.
_LONGEST = 64


@lru_cache(maxsize=4096)
def nearest(name: str, known: tuple[str, ...]) -> str | None:
    """Return the known name that a name is a near miss of, None where it is near to none. Case does not count."""
    if len(name) > _LONGEST:
        return None
    by_plain = {_plain(each): each for each in known}
    if (same := by_plain.get(_plain(name))) is not None:
        return same
    cutoff = _LIKENESS if len(name) > _SHORT else _LIKENESS_OF_SHORT
    found = get_close_matches(_plain(name), by_plain, n=1, cutoff=cutoff)
    return by_plain[found[0]] if found else None


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")
