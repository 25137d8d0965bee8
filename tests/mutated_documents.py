"""Documents whose source configs differ from a good one in one field, at any depth: of each type and service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dag_factory.configs.schemas import ANY_SERVICE, newest
from dag_factory.portable.openmetadata.pipeline_types import PIPELINE_TYPES

SCHEMAS = newest()
VALUES: list[Any] = ["words", "5", 0, 7.5, True, [], [{}], {"a": "b"}]


def document(pipeline_type: str, service: str, config: dict[str, Any]) -> dict[str, Any]:
    kind = "databaseService" if service == ANY_SERVICE else service
    return {
        "name": "sample",
        "pipelineType": pipeline_type,
        "service": {"type": kind, "name": "sample"},
        "sourceConfig": {"config": config},
    }


def sample(kind: Any, depth: int = 0) -> Any:
    """Return a value of a kind that is as small as it can be."""
    if isinstance(kind, dict):
        return [] if "list" in kind else {} if "map" in kind else sample(kind["one of"][0], depth)
    if values := SCHEMAS.values(kind):
        return values[0]
    if SCHEMAS.fields(kind):
        return {name: sample(SCHEMAS.fields(kind)[name], depth + 1) for name in SCHEMAS.required(kind)}
    plain = {"boolean": True, "integer": 5, "number": 5.5, "moment": "2027-01-31", "any": {}}
    return plain.get(kind, "words")


def wrong(kind: Any, seen: set[str]) -> Iterator[Any]:
    """Yield values for a field of a kind, most of them wrong, and those of the objects that it may be."""
    yield from VALUES
    options = kind["one of"] if isinstance(kind, dict) and "one of" in kind else [kind]
    # An application's config may be anything.
    for each in () if {"map": "any"} in options else options:
        if isinstance(each, dict):
            yield from ([value] for value in (wrong(each["list"], seen) if "list" in each else ()))
        elif SCHEMAS.fields(each) and each not in seen:
            seen.add(each)
            yield from mutated(each, seen)


def mutated(kind: str, seen: set[str]) -> Iterator[dict[str, Any]]:
    """Yield objects of a type that differ from a good one in one field, at any depth."""
    good = sample(kind)
    yield good
    for name in good:
        yield {other: value for other, value in good.items() if other != name}
    for name, inner in SCHEMAS.fields(kind).items():
        yield {**good, name: None}
        yield {**good, f"{name}s": sample(inner)}
        yield from ({**good, name: value} for value in wrong(inner, seen))


def documents() -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    for pipeline_type in PIPELINE_TYPES:
        for service, kind in SCHEMAS.source_configs(pipeline_type).items():
            for config in mutated(kind, seen):
                yield document(pipeline_type, service, config)
