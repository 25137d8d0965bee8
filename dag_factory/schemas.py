"""
What openmetadata-ingestion's schemas say of the fields of a pipeline, without openmetadata-ingestion.

The digest beside this module holds it: by name, the fields of each type with their kinds, or the values of an enum. It
is written by ``python -m tools.schema_digest``, and read when the first question is asked. A kind is

- ``boolean``, ``integer``, ``number``, ``text``, ``secret``, ``any``, or the name of a type
- ``{"list": kind}``, or ``{"map": kind}`` with keys of any name
- ``{"one of": [kind, …]}``
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

Kind = Any
"""A kind as described above; None where no schema knows a field, or a value is of none of its kinds."""

PIPELINE = "IngestionPipeline"
ANY, SECRET, TEXT = "any", "secret", "text"

_DIGEST = Path(__file__).with_name("ingestion_2_0.json")
_NO_FIELDS: Mapping[str, Kind] = MappingProxyType({})


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_PLAIN: dict[str, Callable[[object], bool]] = {
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: _is_number(value) and value == int(value),  # type: ignore[call-overload]
    "number": _is_number,
    TEXT: lambda value: isinstance(value, str),
    SECRET: lambda value: isinstance(value, str),
    ANY: lambda value: True,
}


def kind_at(*path: str) -> Kind:
    """Return the kind of a pipeline's field, such as that of ``sourceConfig``, ``config``."""
    kind: Kind = PIPELINE
    for name in path:
        kind = fields(kind)[name]
    return kind


def fitting(kind: Kind, value: object) -> Kind:
    """
    Return which of its alternatives a value is of: one that is no ``one of``; None where it is of none.

    An object is of a type unless its own ``type`` says otherwise, whatever a newer server has added to it. Of several
    types it is the one whose enums it has, and that knows most of its fields.
    """
    if isinstance(kind, str):
        return kind if _is_of(kind, value) else None
    if kind is None:
        return None
    if "one of" not in kind:
        return kind if isinstance(value, list if "list" in kind else dict) else None
    if not isinstance(value, dict):
        return next((fit for each in kind["one of"] if (fit := fitting(each, value)) is not None), None)
    found = [fit for each in _candidates(kind, value.get("type")) if (fit := fitting(each, value)) is not None]
    return max(found, key=lambda fit: _likeness(fit, value)) if len(found) > 1 else found[0] if found else None


def fields(kind: Kind) -> Mapping[str, Kind]:
    """Return the fields of a type with their kinds, none for any other kind."""
    described = _types().get(kind) if isinstance(kind, str) else None
    return described if isinstance(described, dict) else _NO_FIELDS


def is_harmless(kind: Kind) -> bool:
    """Return whether no value of a kind, without alternatives, can be a secret: true and false, numbers, enums."""
    return isinstance(kind, str) and (kind in ("boolean", "integer", "number") or isinstance(_types().get(kind), list))


@cache
def _types() -> dict[str, Any]:
    types: dict[str, Any] = json.loads(_DIGEST.read_text(encoding="utf-8"))["types"]
    return types


def _is_of(kind: str, value: object) -> bool:
    if (is_of := _PLAIN.get(kind)) is not None:
        return is_of(value)
    described = _types()[kind]
    if isinstance(described, list):
        return value in described
    return isinstance(value, dict) and ("type" not in value or _may_be(described.get("type"), value["type"]))


def _candidates(kind: dict[str, Any], said: object) -> list[Kind]:
    """Return the alternatives that may be of a type, as the value says it; they are sorted by it once."""
    if "by type" not in kind:
        by_type: dict[str, list[Kind]] = {}
        for each in kind["one of"]:
            for value in _values(fields(each).get("type")):
                by_type.setdefault(value, []).append(each)
        kind["by type"] = by_type
    if not isinstance(said, str):
        return list(kind["one of"])
    # What says its type is of none that has no types, but maybe a mapping of anything.
    return kind["by type"].get(said) or [each for each in kind["one of"] if "type" in (fields(each) or ("type",))]


def _likeness(kind: Kind, value: dict[str, Any]) -> tuple[bool, int]:
    known = fields(kind)
    return all(_may_be(known.get(name), child) for name, child in value.items()), len(value.keys() & known.keys())


def _may_be(kind: Kind, value: object) -> bool:
    """Return whether a kind is no enum, or an enum with this text among its values."""
    values = _values(kind)
    return not values or not isinstance(value, str) or value in values


def _values(kind: Kind) -> list[Any]:
    values = _types().get(kind) if isinstance(kind, str) else None
    return values if isinstance(values, list) else []
