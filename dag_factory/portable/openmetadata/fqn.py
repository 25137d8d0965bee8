"""Fully qualified names: an entity's name in OpenMetadata, after the names of all that it belongs to."""

from __future__ import annotations

import re

_QUOTED = re.compile(r'"([^"]+)"')


def quoted(name: str) -> str:
    """
    Return a name as a part of a fully qualified name: in quotes if it contains a dot, else without.

    This is the rule of OpenMetadata's ``FullyQualifiedName.quoteName``: a name may already be in quotes.
    """
    inside = _QUOTED.fullmatch(name)
    bare = inside[1] if inside else name
    return f'"{bare}"' if "." in bare else bare
