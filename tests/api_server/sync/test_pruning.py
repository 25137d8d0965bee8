"""Configs of deleted pipelines are removed, and nothing that may be there by mistake, or by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dag_factory.api_server.sync.pruning import candidates, prune
from dag_factory.api_server.sync.server_api import ServerApi
from dag_factory.errors import CommandError, ServerError
from dag_factory.store.folder.folder_store import FolderStore
from tests.api_server.sync.servers import Server, id_of
from tests.api_server.sync.test_difference import compared, deploy_all


def pruned(server: Server, store: FolderStore) -> dict[str, str | None]:
    found = candidates(compared(server, store))
    with ServerApi(server.connection, retry_seconds=0) as api:
        return {each.config.key: each.kept for each in prune(store, api, found)}


def files(store: FolderStore) -> list[str]:
    return sorted(path.name for path in store.root.glob("*.json"))


@pytest.fixture
def deployed(server: Server) -> Server:
    """A server that has deployed three pipelines."""
    for name in ("a", "b", "c"):
        server.add(name)
    deploy_all(server)
    return server


def delete(server: Server, name: str) -> None:
    del server.pipelines[id_of(f"pg_svc.{name}")]


def test_what_the_server_has_deleted_is_removed(deployed: Server, store: FolderStore) -> None:
    before = store.marker()
    delete(deployed, "b")
    assert pruned(deployed, store) == {"b.json": None}
    assert files(store) == ["a.json", "c.json"]
    assert store.marker() != before
    assert pruned(deployed, store) == {}


def test_what_is_only_marked_as_deleted_there_is_too(deployed: Server, store: FolderStore) -> None:
    deployed.pipelines[id_of("pg_svc.b")]["deleted"] = True
    assert pruned(deployed, store) == {"b.json": None}


def test_a_server_without_pipelines_removes_nothing(deployed: Server, store: FolderStore) -> None:
    deployed.pipelines.clear()
    with pytest.raises(CommandError, match="knows none of the configs in the store"):
        pruned(deployed, store)
    assert len(files(store)) == 3


def test_a_server_with_others_removes_nothing(deployed: Server, store: FolderStore) -> None:
    deployed.pipelines.clear()
    deployed.add("another")
    with pytest.raises(CommandError, match="knows none of the configs in the store"):
        pruned(deployed, store)


def test_one_that_knows_less_than_half_removes_nothing(deployed: Server, store: FolderStore) -> None:
    delete(deployed, "a")
    delete(deployed, "b")
    with pytest.raises(CommandError, match="knows 1 and lacks 2"):
        pruned(deployed, store)
    assert len(files(store)) == 3


def test_pipelines_that_can_not_be_deployed_do_not_count_as_lacking(deployed: Server, store: FolderStore) -> None:
    for name in ("d", "e", "f"):
        pipeline = deployed.add(name)
        deployed.deploy(pipeline["id"])
        pipeline["service"]["deleted"] = True
    delete(deployed, "a")
    delete(deployed, "b")
    assert pruned(deployed, store) == {"a.json": None, "b.json": None}
    assert files(store) == ["c.json", "d.json", "e.json", "f.json"]


def test_one_that_does_not_list_all_removes_nothing(deployed: Server, store: FolderStore) -> None:
    delete(deployed, "b")
    deployed.total = 3
    with pytest.raises(CommandError, match="has not listed all"):
        pruned(deployed, store)


def test_a_user_with_few_rights_removes_nothing(deployed: Server, store: FolderStore) -> None:
    delete(deployed, "b")
    deployed.pipelines[id_of("pg_svc.a")]["sourceConfig"] = {}
    with pytest.raises(CommandError, match="has hidden fields of some"):
        pruned(deployed, store)


@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_a_server_that_does_not_say_that_it_is_gone_removes_nothing(
    deployed: Server, store: FolderStore, status: int
) -> None:
    delete(deployed, "b")
    deployed.answers = lambda line: status if line.endswith(id_of("pg_svc.b")) else None
    with pytest.raises(ServerError, match=f"answers {status}"):
        pruned(deployed, store)
    assert len(files(store)) == 3


def test_one_that_comes_back_is_kept(deployed: Server, store: FolderStore) -> None:
    gone = deployed.pipelines.pop(id_of("pg_svc.b"))
    found = candidates(compared(deployed, store))
    deployed.pipelines[gone["id"]] = gone
    with ServerApi(deployed.connection, retry_seconds=0) as api:
        (kept,) = prune(store, api, found)
    assert kept.kept == "the server still has it"
    assert len(files(store)) == 3


def drop_copy(folder: Path, name: str) -> None:
    document = json.loads((folder / "b.json").read_text())
    (folder / name).write_text(json.dumps({**document, "name": name.removesuffix(".json"), "id": id_of(name)}))


def test_a_file_that_people_dropped_or_changed_is_kept(deployed: Server, store: FolderStore) -> None:
    drop_copy(store.root, "dropped.json")
    (store.root / "folder").mkdir()
    drop_copy(store.root, "folder/elsewhere.json")
    delete(deployed, "b")
    document = json.loads((store.root / "b.json").read_text())
    (store.root / "b.json").write_text(json.dumps(document))
    for name in ("d", "e"):
        deployed.deploy(deployed.add(name)["id"])
    kept = pruned(deployed, store)
    assert kept["b.json"] == "it was written or changed by hand"
    assert kept["dropped.json"] == "it was written or changed by hand"
    assert None not in kept.values()
    assert {"b.json", "dropped.json"} <= set(files(store))
