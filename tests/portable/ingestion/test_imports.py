"""The import of openmetadata-ingestion, without it: how Python is set meanwhile."""

from __future__ import annotations

import gc
from types import ModuleType

import pytest

from dag_factory.portable.ingestion import imports


@pytest.fixture
def thresholds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Have nothing imported, and return the number of objects until a collection that holds at each import."""
    found: list[int] = []

    def import_nothing(name: str) -> ModuleType:
        found.append(gc.get_threshold()[0])
        return ModuleType(name)

    monkeypatch.setattr(imports, "import_module", import_nothing)
    monkeypatch.setattr(imports, "_imported", False)
    return found


def test_imports_are_seldom_interrupted_by_a_collection(thresholds: list[int]) -> None:
    before = gc.get_threshold()

    imports.import_ingestion()

    assert set(thresholds) == {20_000}
    assert gc.get_threshold() == before


def test_a_failed_import_leaves_collections_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> ModuleType:
        raise ImportError(name)

    monkeypatch.setattr(imports, "import_module", fail)
    monkeypatch.setattr(imports, "_imported", False)
    before = gc.get_threshold()

    with pytest.raises(ImportError):
        imports.import_ingestion()

    assert gc.get_threshold() == before
