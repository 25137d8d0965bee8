"""What is there after the import of openmetadata-ingestion, before a run begins."""

from __future__ import annotations

import os

from tests.forked_python import ForkedPython

# In a fork of a process that has imported it. The last line says how often the order of entities has been made.
PREPARED = """
import sys
from pkgutil import resolve_name
from dag_factory.portable.ingestion import imports
from metadata.ingestion.models.topology import get_entity_hierarchy

missing = [name for name in imports._STEPS if name not in sys.modules]
assert not missing, missing
found = [resolve_name(f"metadata.generated.schema.{name}") for name in imports._MODELS]
unmade = [each.__name__ for each in found if not each.__pydantic_complete__]
assert not unmade, unmade
print(get_entity_hierarchy.cache_info().currsize)
"""


def test_what_each_run_of_metadata_uses_is_made_before_it_begins(forked_ingestion: ForkedPython) -> None:
    done = forked_ingestion.run(PREPARED, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["1"]
