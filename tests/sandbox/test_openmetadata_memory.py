import asyncio
from pathlib import Path

import pytest

from sandbox.openmetadata import create_app
from sandbox.openmetadata.catalogue import COLLECTIONS
from sandbox.openmetadata.lineage import Edges
from sandbox.openmetadata.memory import recall, remember
from sandbox.openmetadata.store import Store


def with_a_service(name: str) -> Store:
    store = Store(COLLECTIONS)
    store.add(store.collections["databaseService"], {"name": name, "serviceType": "SQLite"})
    return store


def test_entities_and_lineage_are_there_again(tmp_path: Path) -> None:
    edges: Edges = {("a", "b"): {"fromEntity": {"id": "a"}, "toEntity": {"id": "b"}, "lineageDetails": {}}}
    remember(tmp_path / "kept.json", with_a_service("shop"), edges)
    assert (tmp_path / "kept.json").stat().st_mode & 0o777 == 0o600
    found, found_edges = with_a_service("seed"), Edges()
    recall(tmp_path / "kept.json", found, found_edges)
    assert [each["name"] for each in found.all("databaseService")] == ["seed", "shop"]
    assert found_edges == edges


@pytest.mark.parametrize("text", ["", "[]", '{"records": {"unknown": []}, "edges": []}', '{"records": {}}'])
def test_a_file_of_another_version_keeps_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "kept.json").write_text(text)
    store, edges = with_a_service("seed"), Edges()
    recall(tmp_path / "kept.json", store, edges)
    assert [each["name"] for each in store.all("databaseService")] == ["seed"]


@pytest.mark.slow
def test_a_server_keeps_what_it_has_when_it_ends(tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    app = create_app(tmp_path / "source.db", kept=kept)

    async def live() -> None:
        async with app.router.lifespan_context(app):
            assert not kept.exists()

    asyncio.run(live())
    store = Store(COLLECTIONS)
    recall(kept, store, {})
    assert [each["name"] for each in store.all("databaseService")] == ["sample_sqlite"]
