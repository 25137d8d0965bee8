"""The import of openmetadata-ingestion: how Python is set meanwhile, and what is there afterwards."""

from __future__ import annotations

import gc
import os
from types import ModuleType

import pytest

from dag_factory.portable.ingestion import imports
from tests.forked_python import ForkedPython

# In a fork of a process that has imported it. The last line says how often the order of entities has been made.
PREPARED = """
import sys
from dag_factory.portable.ingestion import imports
from metadata.ingestion.models.topology import get_entity_hierarchy

missing = [name for name in imports._STEPS if name not in sys.modules]
assert not missing, missing
found = [imports.found_at(f"metadata.generated.schema.{name}") for name in imports._MODELS]
unmade = [each.__name__ for each in found if not each.__pydantic_complete__]
assert not unmade, unmade
print(get_entity_hierarchy.cache_info().currsize)
"""


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


def test_what_each_run_of_metadata_uses_is_made_before_it_begins(forked_ingestion: ForkedPython) -> None:
    done = forked_ingestion.run(PREPARED, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["1"]
