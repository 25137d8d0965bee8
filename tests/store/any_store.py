"""The kinds of stores, for tests that say nothing of folders or buckets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from dag_factory.store import ConfigStore, open_store
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.memory import Memory
from tests.emulators import Service, azure_blobs, google_storage
from tests.object_storage import S3

# The others need emulators, which `make object-stores` installs.
BUCKETS = ["s3", *os.environ.get("OBJECT_STORES", "").split()]

Connect = Callable[["Service", str], "InBucket"]


class Kind(Protocol):
    """A place for a store, and what people do there by hand."""

    @property
    def location(self) -> str: ...

    def put(self, key: str, text: str = "{}") -> None:
        """Write a file."""

    def remove(self, key: str) -> None:
        """Remove a file."""

    def text(self, key: str) -> str:
        """Return what a file holds."""


class Folder:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.location = str(root)

    def put(self, key: str, text: str = "{}") -> None:
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def remove(self, key: str) -> None:
        (self.root / key).unlink()

    def text(self, key: str) -> str:
        return (self.root / key).read_text()


class InBucket:
    def __init__(self, service: Service, protocol: str, connection: str) -> None:
        self.service = service
        self.bucket = service.bucket()
        self.location = f"{protocol}://{connection}@{self.bucket}/configs"

    def put(self, key: str, text: str = "{}") -> None:
        self.service.put(self.bucket, f"configs/{key}", text.encode())

    def remove(self, key: str) -> None:
        self.service.remove(self.bucket, f"configs/{key}")

    def text(self, key: str) -> str:
        return self.service.get(self.bucket, f"configs/{key}").decode()


def opened(kind: Kind, state: Path | None = None) -> ConfigStore:
    """Return a store as a process opens it; with a folder for its memory, as one that knows which store it is."""
    if isinstance(kind, Folder) and state is None:
        return FolderStore(kind.root, lock_seconds=0.5)  # no test has a writer that waits for good reason
    return open_store(kind.location, Memory(state, kind.location) if state is not None else None)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "configs").mkdir()
    return Folder(tmp_path / "configs")


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Connect:
    """Make a bucket of a service, to which Airflow has a Connection."""

    def make(service: Service, protocol: str) -> InBucket:
        monkeypatch.setenv("AIRFLOW_CONN_BUCKET", service.connection)
        monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__STATE_FOLDER", str(tmp_path / "state"))
        return InBucket(service, protocol, "bucket")

    return make


@pytest.fixture
def in_bucket(s3: S3, connect: Connect) -> InBucket:
    return connect(s3, "s3")


@pytest.fixture(scope="session")
def gs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with google_storage(tmp_path_factory.mktemp("gs") / "log") as service:
        yield service


@pytest.fixture(scope="session")
def abfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with azure_blobs(tmp_path_factory.mktemp("abfs") / "log") as service:
        yield service


@pytest.fixture(params=BUCKETS)
def any_bucket(request: pytest.FixtureRequest, connect: Connect) -> InBucket:
    return connect(request.getfixturevalue(request.param), request.param)


@pytest.fixture(params=["folder", *BUCKETS])
def kind(request: pytest.FixtureRequest, connect: Connect) -> Kind:
    service = request.getfixturevalue(request.param)
    return service if isinstance(service, Folder) else connect(service, request.param)
