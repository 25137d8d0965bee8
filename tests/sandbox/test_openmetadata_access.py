import base64
import json
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest

from sandbox.openmetadata.access import new_token
from sandbox.server import OpenMetadataServer


def test_a_token_has_the_shape_of_a_bots_jwt_and_is_another_one_each_time() -> None:
    header, claims, signature = new_token().split(".")
    decoded = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in (header, claims)]
    assert decoded[1]["sub"] == "ingestion-bot"
    assert decoded[1]["isBot"] is True
    assert signature != new_token().split(".")[2]


@pytest.mark.ingestion
def test_a_server_that_is_started_again_is_where_it_was_and_knows_its_token(tmp_path: Path) -> None:
    with OpenMetadataServer(tmp_path / "absent.db", log=tmp_path / "log") as server:
        url, token = server.url, server.token
        server.stop()
        server.start()
        assert (server.url, server.token) == (url, token)
        assert server.get("/api/v1/tables")["data"] == []


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wrong", "Basic {token}", "{token}", "Bearer ü"])
@pytest.mark.parametrize("path", ["/tables", "/services/databaseServices/name/x", "/nothing", "/search/query"])
def test_without_the_token_nothing_is_answered(openmetadata: OpenMetadataServer, authorization: str, path: str) -> None:
    headers = httpx.Headers({b"Authorization": authorization.format(token=openmetadata.token).encode()})
    answer = httpx.get(f"{openmetadata.url}/api/v1{path}", headers=headers, trust_env=False)
    assert answer.status_code == 401
    assert answer.json()["code"] == 401


def test_the_version_is_public_and_the_one_of_openmetadata_ingestion(openmetadata: OpenMetadataServer) -> None:
    answer = httpx.get(f"{openmetadata.url}/api/v1/system/version", trust_env=False)
    assert version("openmetadata-ingestion").startswith(answer.json()["version"])


def test_a_bearer_of_the_token_is_the_bot(openmetadata: OpenMetadataServer) -> None:
    assert openmetadata.get("/api/v1/users/loggedInUser")["name"] == "ingestion-bot"
