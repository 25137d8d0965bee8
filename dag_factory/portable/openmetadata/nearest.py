"""Near misses: which known name was probably meant."""

from __future__ import annotations

from difflib import get_close_matches
from functools import lru_cache

# Names that are less alike don't count: a newer server's field must not pass for a misspelt one.
_LIKENESS = 0.8
# Two swapped letters are more of a short name, and so are two of another plural (retrys).
_SHORT, _LIKENESS_OF_SHORT = 6, 0.75
# No known name is longer, and long texts take long to compare.
_LONGEST = 64


@lru_cache(maxsize=4096)
def nearest(name: str, known: tuple[str, ...]) -> str | None:
    """Return the known name that is most like a name, None where none is alike. Case does not count."""
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
