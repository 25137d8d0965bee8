"""Booleans: true and false only. YAML 1.1's other words for them are texts here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dag_factory.configs.document import Document
from dag_factory.configs.problem import Problem
from dag_factory.configs.schemas import PIPELINE, Kind, fields, fitting, kind_at
from dag_factory.portable.secrets.references import is_reference

# Texts that some readers take for true or false.
_ANSWERS = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "t", "f", "1", "0"})
_TOP = tuple(name for name, kind in fields(PIPELINE).items() if kind == "boolean")


def booleans(document: Document) -> Iterator[Problem]:
    """Yield an error for each field that must be true or false and is another value, such as ``no``."""
    for name in _TOP:
        value = document.get(name)
        if value is not None and not isinstance(value, bool) and not is_reference(value):
            yield _not_boolean(name)
    for name in ("airflowConfig", "openMetadataServerConnection"):
        yield from _in(document.get(name), kind_at(name), name)
    source = document.get("sourceConfig")
    if isinstance(source, dict):
        yield from booleans_of_source(source.get("config"), "sourceConfig.config")


def booleans_of_source(config: object, field: str) -> Iterator[Problem]:
    """
    Yield an error for each field of a source config that must be true or false and is another value, such as ``no``.

    :param field: path of the source config, or of what overrides it for one run
    """
    yield from _in(config, kind_at("sourceConfig", "config"), field)


def _in(value: object, kind: Kind, field: str) -> Iterator[Problem]:
    """Yield an error for each text in `_ANSWERS` below a value whose kind is boolean. Most values have none."""
    if not isinstance(value, dict) or is_reference(value) or not _has_answer(value):
        return
    known = fields(fitting(kind, value))
    for name, child in value.items():
        if isinstance(child, str):
            if known.get(name) == "boolean" and child.strip().lower() in _ANSWERS:
                yield _not_boolean(f"{field}.{name}")
        elif isinstance(child, dict) and name in known:
            yield from _in(child, known[name], f"{field}.{name}")


def _has_answer(value: dict[str, Any]) -> bool:
    return any(
        (isinstance(child, str) and len(child) <= len("false") and child.strip().lower() in _ANSWERS)
        or (isinstance(child, dict) and _has_answer(child))
        for child in value.values()
    )


def _not_boolean(field: str) -> Problem:
    return Problem(field, "boolean", "is neither true nor false", "Write true or false, without quotes")
