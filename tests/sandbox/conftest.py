from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from sandbox.server import OpenMetadataServer


@pytest.fixture
def api(openmetadata: OpenMetadataServer) -> Iterator[httpx.Client]:
    """A client of the server that all tests share: the entities of each test have the name of the fixture `service`."""
    with client(openmetadata) as bot:
        yield bot


@pytest.fixture
def fresh_api(tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of a server that nobody else uses, without a source database."""
    with (
        OpenMetadataServer(tmp_path / "absent.db", log=tmp_path / "log") as server,
        client(server) as bot,
    ):
        yield bot


@pytest.fixture
def service(api: httpx.Client) -> str:
    """The name of a new database service, whose connection has a password."""
    name = f"service_{uuid4().hex}"
    login = {"username": "u", "authType": {"password": "p4ss"}}
    config = {"type": "Postgres", "hostPort": "db:5432", "database": "db", **login}
    request = {"name": name, "serviceType": "Postgres", "connection": {"config": config}}
    assert api.put("/services/databaseServices", json=request).status_code == 201
    return name


@pytest.fixture
def schema(api: httpx.Client, service: str) -> str:
    """The fully qualified name of a new schema."""
    api.put("/databases", json={"name": "db", "service": service}).raise_for_status()
    request = {"name": "main", "database": f"{service}.db"}
    fqn: str = api.put("/databaseSchemas", json=request).raise_for_status().json()["fullyQualifiedName"]
    return fqn


def client(server: OpenMetadataServer) -> httpx.Client:
    headers = {"Authorization": f"Bearer {server.token}"}
    # The first entity of a kind has the server import its models: seconds of a core, of which a busy machine has few.
    return httpx.Client(base_url=f"{server.url}/api/v1", headers=headers, trust_env=False, timeout=60)
