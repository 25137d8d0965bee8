"""The pipelines that the sandbox's server has are created there, and it deploys them."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox import deployed


class Server:
    """An OpenMetadata server that takes each pipeline, and deploys it unless it ``refuses`` its name."""

    def __init__(self, refuses: str = "") -> None:
        self.refuses = refuses
        self.requests: list[dict[str, Any]] = []

    def get(self, path: str) -> dict[str, str]:
        return {"id": "of the service"}

    def put(self, path: str, request: dict[str, Any]) -> dict[str, str]:
        self.requests.append(request)
        return {"id": request["name"]}

    def post(self, path: str, ids: list[str]) -> list[dict[str, Any]]:
        return [{"code": 500, "reason": f"{id_} is refused"} if id_ == self.refuses else {"code": 200} for id_ in ids]


def test_each_pipeline_is_created_and_then_deployed() -> None:
    server: Any = Server()
    names = list(deployed.deploy(server))
    assert names == [request["name"] for request in server.requests]
    assert names[0] == "sample_sqlite_metadata"
    assert len(names) == 3
    assert all(request["service"]["id"] == "of the service" for request in server.requests)


def test_a_deploy_that_fails_says_why() -> None:
    server: Any = Server("sample_sqlite_lineage")
    with pytest.raises(RuntimeError, match="sample_sqlite_lineage is refused"):
        list(deployed.deploy(server))
