"""The import of openmetadata-ingestion: how Python is set meanwhile, and what is there afterwards."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest

from dag_factory.portable.ingestion.imports import collecting_rarely
from tests.forked_python import ForkedPython

# In a fork of a process that has imported it. The last line says how often the order of entities has been made.
PREPARED = """
import sys
from dag_factory.portable.ingestion import imports
from metadata.ingestion.models.topology import get_entity_hierarchy

missing = [name for name in imports._STEPS if name not in sys.modules]
assert not missing, missing
found = [imports.imported(f"metadata.generated.schema.{name}") for name in imports._MODELS]
unmade = [each.__name__ for each in found if not each.__pydantic_complete__]
assert not unmade, unmade
print(get_entity_hierarchy.cache_info().currsize)
"""


@pytest.fixture(params=[700, 0, 50_000], ids=["as usual", "off", "rarer still"])
def threshold(request: pytest.FixtureRequest) -> Iterator[int]:
    """The number of new objects after which Python looks for unused ones."""
    before = gc.get_threshold()
    gc.set_threshold(request.param, *before[1:])
    yield request.param
    gc.set_threshold(*before)


def test_python_looks_for_unused_objects_less_often_and_then_as_before(threshold: int) -> None:
    with pytest.raises(ImportError), collecting_rarely():
        meanwhile, *_ = gc.get_threshold()
        raise ImportError
    assert meanwhile == {700: 20_000}.get(threshold, threshold)
    assert gc.get_threshold()[0] == threshold


def test_what_each_run_of_metadata_uses_is_made_before_it_begins(forked_ingestion: ForkedPython) -> None:
    done = forked_ingestion.run(PREPARED, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["1"]
