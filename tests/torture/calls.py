"""What is done to a store while it is tortured, and what the store must hold then."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from dag_factory.configs.document import parse
from dag_factory.errors import StoreError
from dag_factory.portable.secrets.references import decrypted, is_sealed_newly
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.store import writer
from dag_factory.store.catalog import Catalog
from dag_factory.store.folder.files import revision_of
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.rotation import rotate
from tests.places import TESTS

SAMPLE = json.loads((TESTS / "samples" / "pg_metadata_hourly.json").read_text())
FERNET_KEY = "AIRFLOW__CORE__FERNET_KEY"
TARGET, OTHER = "target", "other"
DROPPED = "team/dropped.yaml"

Contents = Mapping[str, bytes]


def document(name: str, version: int) -> bytes:
    own = {"name": name, "fullyQualifiedName": f"s.{name}", "displayName": f"v{version}"}
    return json.dumps({**SAMPLE, **own}).encode()


def deploy(store: FolderStore, name: str, version: int) -> None:
    writer.deploy(store, writer.checked(writer.parsed(document(name, version))))


def load(store: FolderStore) -> None:
    """Do to the store what the loader does."""
    marker = store.marker()
    Catalog(store).all()
    if marker is not None:
        store.note_loaded(marker)


def drop(store: FolderStore, key: str, name: str, version: int) -> None:
    """Put a file in its place as a person does."""
    path = store.root / key
    path.parent.mkdir(exist_ok=True)
    path.with_name(f"{path.name}.part").write_bytes(yaml.safe_dump(json.loads(document(name, version))).encode())
    path.with_name(f"{path.name}.part").rename(path)


def contents(root: Path) -> Contents:
    """Return all files of a store, but for those that it keeps for itself."""
    paths = (path for path in root.rglob("*") if not path.name.startswith(".") and path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


def version_of(data: bytes, key: str = "stored.json") -> int:
    """
    Return the version of a stored document, which must be whole.

    :raises Exception: where it is not
    """
    sealed = parse(data, key)
    found = decrypted(sealed, sealed["name"], Keys())
    name, version = found["name"], int(re.fullmatch(r"v(\d+)", found["displayName"])[1])  # type: ignore[index]
    if found != json.loads(document(name, version)):
        raise ValueError(f"{name} v{version} is not what was deployed")
    return version


def holds(version: int) -> Callable[[bytes | None], bool]:
    return lambda data: data is not None and version_of(data) == version


def is_sealed_anew(data: bytes | None) -> bool:
    return data is not None and version_of(data) == 1 and is_sealed_newly(parse(data, "stored.json"), Keys())


def is_gone(data: bytes | None) -> bool:
    return data is None


@dataclass(frozen=True)
class Call:
    """
    One way of changing a store.

    :param prepare: what has happened since the loader came last
    :param wish: what the store must hold when the call has succeeded, by key
    :param is_due: whether a marker is due that is not the one before the call
    :param is_known: whether others than the caller can find that out
    """

    name: str
    do: Callable[[FolderStore], object]
    wish: Mapping[str, Callable[[bytes | None], bool]]
    prepare: Callable[[FolderStore], object] = lambda store: None
    is_due: bool = True
    is_known: bool = True


def set_up(root: Path) -> FolderStore:
    """Make a store with a few pipelines, all of which the loader has seen."""
    root.mkdir()
    store = FolderStore(root)
    deploy(store, OTHER, 1)
    drop(store, DROPPED, "dropped", 1)
    store.bump()
    load(store)
    return store


def _interrupted(store: FolderStore) -> None:
    deploy(store, OTHER, 2)
    data = (store.root / f"{OTHER}.json").read_bytes()
    deploy(store, OTHER, 1)
    load(store)
    # As a writer that dies before its marker.
    store.write(f"{OTHER}.json", data)


def _sealed_with_an_older_key(store: FolderStore) -> None:
    both = os.environ[FERNET_KEY]
    os.environ[FERNET_KEY] = both.partition(",")[2]
    try:
        deploy(store, OTHER, 2)
        deploy(store, OTHER, 1)
    finally:
        os.environ[FERNET_KEY] = both
    load(store)


def _rotate(store: FolderStore) -> None:
    rotation = rotate(store, Keys())
    if rotation.failed:
        # As its command reports it.
        done = [f"{len(rotation.resealed)} were encrypted again"] if rotation.resealed else []
        raise StoreError("; ".join([*done, *rotation.failed.values()]))


def _two_files(store: FolderStore) -> None:
    deploy(store, TARGET, 1)
    drop(store, f"team/{TARGET}.yaml", TARGET, 1)
    store.bump()
    load(store)


def _announce(store: FolderStore) -> None:
    store.bump({DROPPED: revision_of(store.root / DROPPED)})


CALLS = (
    Call("deploy", lambda store: deploy(store, TARGET, 1), {f"{TARGET}.json": holds(1)}),
    Call("deploy anew", lambda store: deploy(store, OTHER, 2), {f"{OTHER}.json": holds(2)}),
    Call(
        "deploy what a writer that died has left",
        lambda store: deploy(store, OTHER, 2),
        {f"{OTHER}.json": holds(2)},
        _interrupted,
    ),
    Call(
        "delete",
        lambda store: writer.delete(store, TARGET),
        {f"{TARGET}.json": is_gone, f"team/{TARGET}.yaml": is_gone},
        _two_files,
    ),
    Call("rotate", _rotate, {f"{OTHER}.json": is_sealed_anew}, _sealed_with_an_older_key),
    Call("settle", lambda store: store.settle(), {}, _interrupted),
    Call("announce", _announce, {}, lambda store: drop(store, DROPPED, "dropped", 2), is_known=False),
    Call("load", load, {}, lambda store: store.bump(), is_due=False, is_known=False),
)
