"""Which calls of a server are counted as errors, and under which names."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from dag_factory.api_server.api.app import create_app
from dag_factory.api_server.api.call_metrics import ErrorCounter, reason_of


def middlewares() -> list[Any]:
    return list(create_app(airflow=FastAPI).user_middleware)


def counted() -> ErrorCounter:
    (options,) = (each for each in middlewares() if each.cls is ErrorCounter)
    return ErrorCounter(FastAPI(), **options.kwargs)


def test_a_call_has_its_name_and_any_other_path_none_of_its_own() -> None:
    found = counted()
    for path in ("/deploy", "/api/v1/openmetadata/deploy", "/deploy/", "//deploy"):
        assert found._call_of(path) == "deploy"
    for path in ("/", "", "/deploy/me", "/wp-login.php", "/deploy%20"):
        assert found._call_of(path) == "other"
    assert {"delete", "trigger", "status", "run_automation", "health-auth"} <= set(found._calls)


def test_an_error_that_comes_before_all_others_is_seen() -> None:
    # The first is the outermost.
    assert middlewares()[0].cls is ErrorCounter


def test_each_status_has_a_reason() -> None:
    assert {reason_of(status) for status in (400, 401, 403, 404, 409, 413, 415, 429, 500, 501, 503, 599)} == {
        "invalid", "unauthenticated", "forbidden", "unknown", "conflict", "too_large", "unsupported", "too_many",
        "unavailable", "error",
    }  # fmt: skip
