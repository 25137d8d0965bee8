"""Names that are not spelled as in OpenMetadata's schemas."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic.alias_generators import to_camel

_LONGEST = 64


def in_camel_case(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that a name in snake_case or kebab-case stands for, None where none is found."""
    if not ("_" in name or "-" in name) or len(name) > _LONGEST:
        return None
    camel = to_camel(name.replace("-", "_")).lower()
    return next((each for each in known if each.lower() == camel), None)
