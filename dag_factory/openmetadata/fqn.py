"""Fully qualified names: how OpenMetadata writes what an entity is called, with all that it belongs to."""

from __future__ import annotations

import re

_QUOTED = re.compile(r'"([^"]+)"')


def quoted(name: str) -> str:
    """
    Return a name as it stands in a fully qualified one: in quotes if it has a dot in it, else without.

    This is the rule of OpenMetadata's ``FullyQualifiedName.quoteName``: a name in quotes is what is within them.
    """
    inside = _QUOTED.fullmatch(name)
    bare = inside[1] if inside else name
    return f'"{bare}"' if "." in bare else bare
