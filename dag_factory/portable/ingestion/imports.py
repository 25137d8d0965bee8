"""Imports openmetadata-ingestion once, for all runs that are forked from this process."""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any

from dag_factory.portable.ingestion.log_levels import ingestion_logging
from dag_factory.portable.openmetadata.pipeline_types import PIPELINE_TYPES

# Workflows import these by name while they run.
_STEPS = (
    "metadata.ingestion.sink.metadata_rest",
    "metadata.ingestion.source.database.common_db_source",
    "metadata.utils.service_spec.default",
    "pandas",
)
# pydantic makes the validator of such a model when that is first used: half a second of a run for all of these.
_MODELS = (
    "api.data.createDatabase.CreateDatabaseRequest",
    "api.data.createDatabaseSchema.CreateDatabaseSchemaRequest",
    "api.data.createTable.CreateTableRequest",
    "api.services.createDatabaseService.CreateDatabaseServiceRequest",
    "api.services.ingestionPipelines.createIngestionPipeline.CreateIngestionPipelineRequest",
    "entity.data.table.Table",
    "entity.services.connections.metadata.openMetadataConnection.OpenMetadataConnection",
    "entity.services.connections.testConnectionDefinition.TestConnectionDefinition",
    "entity.services.databaseService.DatabaseConnection",
    "entity.services.databaseService.DatabaseService",
    "entity.services.ingestionPipelines.ingestionPipeline.IngestionPipeline",
    "metadataIngestion.workflow.OpenMetadataWorkflowConfig",
    "metadataIngestion.workflow.Source",
    "metadataIngestion.workflow.SourceConfig",
)

# So many new objects have Python look for unused cycles among them; its own number is 700.
_OBJECTS_UNTIL_COLLECTED = 20_000

_imported = False


def import_ingestion() -> None:
    """
    Import what runs of all types need, and make what they share; the second call does nothing.

    Only what the type `metadata` needs must be there: other types need extras, such as that of the PII processor.

    :raises Exception: whatever the import of a package raises that is missing or broken
    """
    global _imported  # noqa: PLW0603 - as the modules of a process
    if _imported:
        return
    # If the root logger has no handler, the imports add one, which must be removed. Their warnings are about their own
    # code.
    with ingestion_logging("INFO"), warnings.catch_warnings(), collecting_rarely():
        warnings.simplefilter("ignore")
        import_module(_module(PIPELINE_TYPES["metadata"].workflow))
        for name in dict.fromkeys([*(_module(each.workflow) for each in PIPELINE_TYPES.values()), *_STEPS]):
            with suppress(Exception):
                import_module(name)
        _make_what_runs_use()
    os.register_at_fork(after_in_child=_seed)
    _imported = True


def _make_what_runs_use() -> None:
    """Make what a run of metadata would make, where this release of openmetadata-ingestion has it."""
    with suppress(Exception):
        # It imports the services of all kinds, for the order of what each has, and remembers that.
        found_at("metadata.ingestion.models.topology.get_entity_hierarchy")()
    for name in _MODELS:
        with suppress(Exception):
            found_at(f"metadata.generated.schema.{name}").model_rebuild()


@contextmanager
def collecting_rarely() -> Iterator[None]:
    """Have Python look for unused cycles of objects more rarely: a fifth of the time would go into it, to find few."""
    thresholds = gc.get_threshold()
    gc.set_threshold(_OBJECTS_UNTIL_COLLECTED, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


def found_at(path: str) -> Any:
    """Import the module of a path such as ``metadata.workflow.metadata.MetadataWorkflow``, and return what it names."""
    return getattr(import_module(_module(path)), path.rpartition(".")[2])


def _seed() -> None:
    """Give a forked process random numbers of its own: Python does so for `random`, numpy does not."""
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed()


def _module(path: str) -> str:
    return path.rpartition(".")[0]
