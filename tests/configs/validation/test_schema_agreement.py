"""What is said by the digest holds against the models: an error at the door is one that a run would meet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dag_factory.configs.ingestion_versions import IngestionVersions
from dag_factory.configs.problem import SPELLING, Problem
from dag_factory.configs.schemas import ANY_SERVICE, newest
from dag_factory.configs.validation.source_config import doubts, misfits
from dag_factory.openmetadata.pipeline_types import PIPELINE_TYPES
from tests.ingestion_verdicts import Verdict, verdicts

pytestmark = pytest.mark.ingestion

SCHEMAS = newest()
VERSIONS = IngestionVersions()
VALUES: list[Any] = ["words", "5", 0, 7.5, True, [], [{}], {"a": "b"}]

# A form of texts, such as that of a URL, is in no digest; nor is how long a text or a list has to be.
UNKNOWN_TO_THE_DIGEST = ("is of the wrong kind", "is too short")
# Nor are the connections of services, which no pipeline of a server holds, what applications have that is private, and
# that a constant may not be null.
LEFT_OUT = (".serviceConnection", ".appPrivateConfig", ".gcpConfig.type'")


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


@pytest.fixture(scope="module")
def judged() -> list[tuple[dict[str, Any], list[Problem], list[Problem], Verdict]]:
    found = list(documents())
    said = verdicts(found)
    return [
        (each, list(misfits(each, VERSIONS)), list(doubts(each, VERSIONS)), verdict)
        for each, verdict in zip(found, said, strict=True)
    ]


def test_an_error_is_what_the_models_refuse_too(judged: list[Any]) -> None:
    assert [(each, str(errors[0])) for each, errors, _, verdict in judged if errors and not verdict["refused"]] == []


def test_what_fails_a_run_is_an_error_or_a_warning_at_the_door_but_for_forms_of_texts(
    judged: list[Any],
) -> None:
    missed = [
        (each["sourceConfig"], verdict["problem"])
        for each, errors, warnings, verdict in judged
        if (problem := verdict["problem"])
        and not (errors or warnings or any(words in problem for words in (*UNKNOWN_TO_THE_DIGEST, *LEFT_OUT)))
    ]
    assert missed == []


def test_a_run_takes_whatever_the_models_take(judged: list[Any]) -> None:
    assert [each for each, _, _, verdict in judged if not verdict["refused"] and verdict["fitted"] is None] == []


def test_what_is_doubtful_at_the_door_fails_the_run_or_is_left_out_but_for_what_is_misspelt(judged: list[Any]) -> None:
    needless = [
        (each["sourceConfig"], str(warnings[0]))
        for each, _, warnings, verdict in judged
        if not verdict["refused"] and any(warning.kind != SPELLING for warning in warnings)
    ]
    assert needless == []
