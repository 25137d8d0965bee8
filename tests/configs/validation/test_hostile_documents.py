"""Documents of up to 1 MiB that are made to take long, or to fill a log: little is done for them, and little said."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from dag_factory.configs.allowed import Allowed
from dag_factory.configs.document import MAX_BYTES
from dag_factory.configs.problem import ERROR
from dag_factory.configs.validation.validator import validate
from tests.documents import REST

GOOD = {"name": "a", "pipelineType": "metadata", "service": {"type": "databaseService", "name": "s"}, **REST}
OPEN = Allowed(env=("OPENMETADATA_*",), applications=("metadata.",))
# Of functions, C's included: about a second's worth. A document of 2 KB takes some hundred.
MOST_CALLS = 2_000_000


def application(**app_config: Any) -> dict[str, Any]:
    config = {"type": "Application", "sourcePythonClass": "metadata.a", "appConfig": app_config}
    return {"pipelineType": "application", "sourceConfig": {"config": config}}


def source(**fields: Any) -> dict[str, Any]:
    return {"sourceConfig": {"config": {"type": "DatabaseMetadata", **fields}}}


HOSTILE: dict[str, dict[str, Any]] = {
    "minutes": {"airflowConfig": {"scheduleInterval": ",".join(["1"] * 400_000) + " * * * *"}},
    "actions": application(
        type="Automator", actions=[{"tpye": f"AddTagsActon{i}", "lables": []} for i in range(18_000)]
    ),
    "values of a wrong kind": source(schemaFilterPattern={"includes": [1] * 90_000}),
    "references that are not open": {"x": [{"$env": f"OM_{i}"} for i in range(40_000)]},
    "encrypted values": {"x": [{"$fernet": f"1a2b3c4d:5e6f7a8b:gAAAA{i}"} for i in range(20_000)]},
    "fields of the runner": {"dagFactory": {"runner": {f"pol{i}": 1 for i in range(40_000)}}},
    "secrets": {"x": [{"password": f"p{i}"} for i in range(40_000)]},
    "fields of the source config": source(**{f"includeTable{i}": 1 for i in range(40_000)}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_a_document_that_is_made_to_take_long_takes_few_calls_and_says_little(name: str) -> None:
    document = {**GOOD, **HOSTILE[name]}
    assert len(json.dumps(document)) <= MAX_BYTES
    problems, calls = counted(lambda: validate(document, OPEN, is_stored=True))
    assert calls < MOST_CALLS
    assert len(problems) <= 50
    if name not in ("actions", "secrets", "fields of the source config"):
        assert any(problem.level == ERROR for problem in problems)


def counted(work: Callable[[], Any]) -> tuple[Any, int]:
    """Return what a function returns, and how many calls it took."""
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        found = work()
    finally:
        sys.setprofile(None)
    return found, calls
