"""A doubled slash before our prefix, and what may look like one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from dag_factory.api_server.api.doubled_slash import FoldedSlashes
from dag_factory.api_server.plugin import OpenMetadataDagFactoryPlugin

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

PREFIX = "/api/v1/openmetadata"


def seen(path: str, *, root_path: str = "", kind: str = "http") -> Any:
    """Return the path that what stands behind sees, decoded and raw."""
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)

    scope = {"type": kind, "path": path, "raw_path": path.encode(), "root_path": root_path, "method": "GET"}
    asyncio.run(FoldedSlashes(app, PREFIX)(scope, None, None))  # type: ignore[arg-type]
    (found,) = scopes
    assert found["raw_path"].decode() == found["path"]
    assert {**found, "path": path, "raw_path": path.encode()} == scope
    return found["path"]


@pytest.mark.parametrize("path", [f"/{PREFIX}/deploy", f"//{PREFIX}/deploy"])
@pytest.mark.parametrize("root_path", ["", "/data/airflow"])
def test_our_calls_are_found_behind_several_slashes_also_beneath_a_path(path: str, root_path: str) -> None:
    assert seen(f"{root_path}{path}", root_path=root_path) == f"{root_path}{PREFIX}/deploy"
    assert seen(path, root_path=root_path) == f"{PREFIX}/deploy"
    assert seen(f"/{PREFIX}") == PREFIX


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example/api/v1/openmetadata/deploy",
        "//api/v2/dags",
        "//auth/token",
        "//api/v1/openmetadata-not/deploy",
        "//api//v1/openmetadata/deploy",
        "//ui/../api/v1/openmetadata/deploy",
        "/x//api/v1/openmetadata/deploy",
        "/api/v1/openmetadata//deploy",
        "//",
        "/",
        "",
    ],
)
def test_any_other_path_stays_as_it_is(path: str) -> None:
    assert seen(path) == path


def test_what_is_no_http_request_is_left_alone() -> None:
    assert seen(f"/{PREFIX}/x", kind="websocket") == f"/{PREFIX}/x"


def test_airflow_puts_it_in_front_of_its_api_server() -> None:
    (declared,) = OpenMetadataDagFactoryPlugin().fastapi_root_middlewares
    assert declared["middleware"] is FoldedSlashes
    assert declared["kwargs"] == {"prefix": PREFIX}
