"""The kinds of stores, for tests that say nothing of folders or buckets."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from dag_factory.store import ConfigStore, open_store
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.memory import Memory
from tests.object_storage import S3, connection_to


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
    def __init__(self, s3: S3, connection: str) -> None:
        self._s3 = s3
        self.bucket = s3.bucket()
        self.location = f"s3://{connection}@{self.bucket}/configs"

    def put(self, key: str, text: str = "{}") -> None:
        self._s3.request("PUT", self.path(key), text.encode())

    def remove(self, key: str) -> None:
        self._s3.request("DELETE", self.path(key))

    def text(self, key: str) -> str:
        return self._s3.request("GET", self.path(key)).decode()

    def path(self, key: str) -> str:
        return f"/{self.bucket}/configs/{urllib.parse.quote(key)}"


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
def in_bucket(s3: S3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InBucket:
    monkeypatch.setenv("AIRFLOW_CONN_BUCKET", connection_to(s3.endpoint))
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__STATE_FOLDER", str(tmp_path / "state"))
    return InBucket(s3, "bucket")


@pytest.fixture(params=["folder", "s3"])
def kind(request: pytest.FixtureRequest) -> Kind:
    get: Callable[[str], Kind] = request.getfixturevalue
    return get("folder" if request.param == "folder" else "in_bucket")
