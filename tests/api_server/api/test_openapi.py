"""The OpenAPI document: what it says holds for whatever is sent, and nothing that is sent is an error of ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from dag_factory.api_server.api.answers import Problem
from dag_factory.api_server.api.app import create_app
from sandbox.fab import FabAirflowStack
from tests.e2e.pipelines import sample
from tests.e2e.servers import calling

NAME = "known_to_airflow"
PIPELINE = sample(NAME)
DOCUMENT = create_app().openapi()
CALLS = [(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods]
OPEN = {"/health", "/csrf-token"}


@pytest.mark.parametrize(("path", "method"), CALLS, ids=[path for path, _ in CALLS])
def test_each_call_names_its_credentials_and_its_refusals(path: str, method: str) -> None:
    call = DOCUMENT["paths"][path][method]
    assert call.get("security", []) == ([] if path in OPEN else [{"Basic": []}, {"Bearer": []}])
    refusals = {status: answer for status, answer in call["responses"].items() if status != "200"}
    assert ("401" in refusals) is (path not in OPEN)
    for refusal in refusals.values():
        assert refusal["content"]["application/json"]["schema"] == {"$ref": f"#/components/schemas/{Problem.__name__}"}


def test_both_ways_to_log_in_are_declared_so_that_the_page_offers_them() -> None:
    schemes = DOCUMENT["components"]["securitySchemes"]
    assert {name: (scheme["type"], scheme["scheme"]) for name, scheme in schemes.items()} == {
        "Basic": ("http", "basic"),
        "Bearer": ("http", "bearer"),
    }


@pytest.fixture(scope="module")
def service(fab: FabAirflowStack) -> Iterator[str]:
    """The URL of the API, where one pipeline is deployed; all that else is deployed there is taken away."""
    store = Path(fab.option("openmetadata_dag_factory", "config_store"))
    with calling(fab) as server:
        server.deploy(PIPELINE)
        fab.wait_for_dag(NAME)
        before = set(store.iterdir())
        yield f"{fab.url}/api/v1/openmetadata"
        for path in set(store.iterdir()) - before:
            path.unlink()
        server.delete(NAME)


def aimed(case: schemathesis.Case[Any]) -> schemathesis.Case[Any]:
    """Return a call about the pipeline that is there, where it is about one."""
    for place in (case.query, case.body):
        if isinstance(place, dict) and "dag_id" in place:
            place["dag_id"] = NAME
    return case


def cases(path: str, method: str) -> st.SearchStrategy[schemathesis.Case[Any]]:
    operation = schemathesis.openapi.from_dict(DOCUMENT)[path][method]
    right = operation.as_strategy(generation_mode=GenerationMode("positive"))
    if not {"parameters", "requestBody"} & DOCUMENT["paths"][path][method].keys():
        return right
    wrong = operation.as_strategy(generation_mode=GenerationMode("negative"))
    # Deleted, the pipeline would not be there for the other calls.
    return right | wrong if path == "/delete" else right | right.map(aimed) | wrong


@pytest.mark.e2e
@pytest.mark.parametrize(("path", "method"), CALLS, ids=[path for path, _ in CALLS])
def test_whatever_is_sent_the_answer_is_one_of_those_that_are_declared(
    fab: FabAirflowStack, service: str, path: str, method: str
) -> None:
    checks: list[Any] = [
        status_code_conformance, content_type_conformance, response_schema_conformance, negative_data_rejection,
    ]  # fmt: skip
    if "501" not in DOCUMENT["paths"][path][method]["responses"]:
        checks.append(not_a_server_error)

    @seed(4)
    @settings(max_examples=30, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(cases(path, method))
    def send(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(base_url=service, auth=(fab.username, fab.password), checks=checks)

    send()
    log = (fab.home / "logs" / "api-server.log").read_text(errors="replace")
    assert "while answering" not in log
    assert httpx.get(f"{service}/health", trust_env=False).status_code == 200
