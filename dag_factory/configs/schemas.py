"""
openmetadata-ingestion's schemas of a pipeline's fields, without openmetadata-ingestion.

They are read from the digests beside this module, one for each supported version of openmetadata-ingestion. A digest
holds the fields of each type with their kinds, the values of each enum, which fields are required, which types take
unknown fields, and which type is the source config of a pipeline type. ``python -m tools.schema_digest`` writes the
digests; each is read when first needed. A kind is

- ``boolean``, ``integer``, ``number``, ``text``, ``moment``, ``secret``, ``any``, or the name of a type
- ``{"list": kind}``, or ``{"map": kind}`` with keys of any name
- ``{"one of": [kind, …]}``

Beside each digest are the texts on its fields, for editors: each field's description and default, by type.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

Kind = Any
"""A kind as described above; None where no schema knows a field, or none of its kinds fits a value."""

PIPELINE = "IngestionPipeline"
ANY, BOOLEAN, INTEGER, MOMENT, NUMBER, SECRET, TEXT = (
    "any", "boolean", "integer", "moment", "number", "secret", "text",
)  # fmt: skip
ANY_SERVICE = "*"
"""In `Schemas.source_configs`: services of all types."""

VERSIONS = ((1, 12), (1, 13), (2, 0))
"""The versions of openmetadata-ingestion that have a digest, the oldest first."""

_NUMBERS = re.compile(r"v?([0-9]{1,9})(?:\.([0-9]{1,9}))?")
_NOTHING: Mapping[str, Any] = MappingProxyType({})


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_PLAIN: dict[str, Callable[[object], bool]] = {
    BOOLEAN: lambda value: isinstance(value, bool),
    INTEGER: lambda value: _is_number(value) and value == int(value),  # type: ignore[call-overload]
    NUMBER: _is_number,
    TEXT: lambda value: isinstance(value, str),
    MOMENT: lambda value: isinstance(value, str),
    SECRET: lambda value: isinstance(value, str),
    ANY: lambda value: True,
}


class Schemas:
    """The schemas of one version of openmetadata-ingestion; ``version`` is the full version of the digest."""

    def __init__(self, digest: Mapping[str, Any]) -> None:
        self.version: str = digest["version"]
        self._types: Mapping[str, Any] = digest["types"]
        self._required: Mapping[str, list[str]] = digest["required"]
        self._open = frozenset(digest["open"])
        self._bounds: Mapping[str, Mapping[str, Sequence[float | None]]] = digest["bounds"]
        self._source_configs: Mapping[str, Mapping[str, str]] = digest["source configs"]

    def kind_at(self, *path: str) -> Kind:
        """Return the kind of the field at a path, such as ``sourceConfig``, ``config``."""
        kind: Kind = PIPELINE
        for name in path:
            kind = self.fields(kind)[name]
        return kind

    def source_configs(self, pipeline_type: object) -> Mapping[str, str]:
        """
        Return the types of a pipeline type's source config, by the type of the pipeline's service.

        Empty for a pipeline type that this version does not run.
        """
        return self._source_configs.get(pipeline_type, _NOTHING) if isinstance(pipeline_type, str) else _NOTHING

    def fields(self, kind: Kind) -> Mapping[str, Kind]:
        """Return the fields of a type with their kinds, empty for any other kind."""
        described = self._types.get(kind) if isinstance(kind, str) else None
        return described if isinstance(described, dict) else _NOTHING

    def names_of(self, kind: str) -> Iterator[str]:
        """Yield the name of each field of a kind, or of which an alternative is of that kind."""
        for described in self._types.values():
            for name, each in described.items() if isinstance(described, dict) else ():
                if each == kind or (isinstance(each, dict) and kind in each.get("one of", ())):
                    yield name

    def is_type(self, kind: Kind) -> bool:
        """Return whether a kind is a type, which may have no fields at all."""
        return isinstance(kind, str) and isinstance(self._types.get(kind), dict)

    def values(self, kind: Kind) -> Sequence[Any]:
        """Return the values of an enum, empty for any other kind."""
        values = self._types.get(kind) if isinstance(kind, str) else None
        return values if isinstance(values, list) else ()

    def required(self, kind: str) -> Sequence[str]:
        """Return the fields of a type that have no default, in alphabetical order."""
        return self._required.get(kind, ())

    def takes_unknown_fields(self, kind: str) -> bool:
        """Return whether a type takes unknown fields; most refuse them."""
        return kind in self._open

    def bounds(self, kind: str, field: str) -> Sequence[float | None]:
        """Return the lowest and the highest number that a field takes, None where there is no limit."""
        bounds: Sequence[float | None] = self._bounds.get(kind, _NOTHING).get(field, (None, None))
        return bounds

    def fitting(self, kind: Kind, value: object) -> Kind:
        """
        Return the alternative of a kind that fits a value, itself without alternatives; None where none does.

        An object fits a type unless its own ``type`` says otherwise, whatever a newer server has added to it. Of
        several types, the one whose enums have the object's values goes first, then the one that knows most fields.
        """
        if isinstance(kind, str):
            return kind if self._is_of(kind, value) else None
        if kind is None:
            return None
        if "one of" not in kind:
            return kind if isinstance(value, list if "list" in kind else dict) else None
        if not isinstance(value, dict):
            return next((fit for each in kind["one of"] if (fit := self.fitting(each, value)) is not None), None)
        candidates = self._candidates(kind, value.get("type"))
        found = [fit for each in candidates if (fit := self.fitting(each, value)) is not None]
        return max(found, key=lambda fit: self._likeness(fit, value)) if len(found) > 1 else found[0] if found else None

    def is_harmless(self, kind: Kind) -> bool:
        """Return whether no value of a kind can be a secret: true and false, numbers, enums."""
        return isinstance(kind, str) and (kind in (BOOLEAN, INTEGER, NUMBER) or bool(self.values(kind)))

    def _is_of(self, kind: str, value: object) -> bool:
        if (is_of := _PLAIN.get(kind)) is not None:
            return is_of(value)
        described = self._types[kind]
        if isinstance(described, list):
            return value in described
        return isinstance(value, dict) and ("type" not in value or self._may_be(described.get("type"), value["type"]))

    def _candidates(self, kind: dict[str, Any], said: object) -> list[Kind]:
        """Return the alternatives that fit what a value says as its ``type``; they are grouped by type once."""
        if "by type" not in kind:
            by_type: dict[str, list[Kind]] = {}
            for each in kind["one of"]:
                for value in self.values(self.fields(each).get("type")):
                    by_type.setdefault(value, []).append(each)
            kind["by type"] = by_type
        if not isinstance(said, str):
            return list(kind["one of"])
        # An unknown type: what is left are types that restrict it in no way, and mappings.
        return kind["by type"].get(said) or [
            each for each in kind["one of"] if "type" in (self.fields(each) or ("type",))
        ]

    def _likeness(self, kind: Kind, value: dict[str, Any]) -> tuple[bool, int]:
        known = self.fields(kind)
        return all(self._may_be(known.get(name), child) for name, child in value.items()), len(
            value.keys() & known.keys()
        )

    def _may_be(self, kind: Kind, value: object) -> bool:
        """Return whether a kind is not an enum, or an enum that has this text."""
        values = self.values(kind)
        return not values or not isinstance(value, str) or value in values


def newest() -> Schemas:
    """Return the schemas of the newest version that has a digest."""
    return _read(VERSIONS[-1])


def kind_at(*path: str) -> Kind:
    """Return `Schemas.kind_at` of the newest schemas."""
    return newest().kind_at(*path)


def fields(kind: Kind) -> Mapping[str, Kind]:
    """Return `Schemas.fields` of the newest schemas."""
    return newest().fields(kind)


def fitting(kind: Kind, value: object) -> Kind:
    """Return `Schemas.fitting` of the newest schemas."""
    return newest().fitting(kind, value)


def is_harmless(kind: Kind) -> bool:
    """Return `Schemas.is_harmless` of the newest schemas."""
    return newest().is_harmless(kind)


def of_version(version: str | None) -> Schemas:
    """
    Return the schemas of a version of openmetadata-ingestion; without a digest of it, those of the next older version.

    :param version: such as ``2.0.6.0``; None for the newest, which also stands for what is not a version
    """
    numbers = _numbers(version)
    return _read(next((each for each in reversed(VERSIONS) if each <= numbers), VERSIONS[0])) if numbers else newest()


def is_ahead(version: str | None) -> bool:
    """Return whether a version of openmetadata-ingestion is newer than the newest digest."""
    return _numbers(version) > VERSIONS[-1]


def texts_of(schemas: Schemas) -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    """Return the description and the default of each field, by its type and its name, as far as they have them."""
    found: dict[str, dict[str, dict[str, Any]]] = _content("ingestion_texts", *_numbers(schemas.version))
    return found


def _numbers(version: str | None) -> tuple[int, ...]:
    """Return the first two numbers of a version, none where it is not one."""
    found = _NUMBERS.match(version or "")
    return (int(found[1]), int(found[2] or 0)) if found is not None else ()


@cache
def _read(version: tuple[int, int]) -> Schemas:
    return Schemas(_content("ingestion", *version))


def _content(name: str, major: int, minor: int) -> Any:
    path = Path(__file__).with_name(f"{name}_{major}_{minor}.json")
    return json.loads(path.read_text(encoding="utf-8"))
