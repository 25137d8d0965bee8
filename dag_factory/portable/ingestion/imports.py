"""Imports openmetadata-ingestion once, for all runs that are forked from this process."""

from __future__ import annotations

import os
import sys
import warnings
from contextlib import suppress
from importlib import import_module
from pkgutil import resolve_name

from dag_factory.portable.ingestion.collector import collecting_rarely
from dag_factory.portable.ingestion.log_levels import ingestion_logging
from dag_factory.portable.openmetadata.pipeline_types import PIPELINE_TYPES

# Workflows import these by name while they run.
_STEPS = (
    "metadata.ingestion.sink.metadata_rest",
    "metadata.ingestion.source.database.common_db_source",
    "metadata.utils.service_spec.default",
    "pandas",
)
# pydantic builds the validators of these models when they are first used, which takes half a second of a run.
_MODELS = (
    "api.data.createDatabase:CreateDatabaseRequest",
    "api.data.createDatabaseSchema:CreateDatabaseSchemaRequest",
    "api.data.createTable:CreateTableRequest",
    "api.services.createDatabaseService:CreateDatabaseServiceRequest",
    "api.services.ingestionPipelines.createIngestionPipeline:CreateIngestionPipelineRequest",
    "entity.data.table:Table",
    "entity.services.connections.metadata.openMetadataConnection:OpenMetadataConnection",
    "entity.services.connections.testConnectionDefinition:TestConnectionDefinition",
    "entity.services.databaseService:DatabaseConnection",
    "entity.services.databaseService:DatabaseService",
    "entity.services.ingestionPipelines.ingestionPipeline:IngestionPipeline",
    "metadataIngestion.workflow:OpenMetadataWorkflowConfig",
    "metadataIngestion.workflow:Source",
    "metadataIngestion.workflow:SourceConfig",
)

_is_imported = False


def import_ingestion() -> None:
    """
    Import what runs of all types need, and build what they share; the second call does nothing.

    Only what the type `metadata` needs must be there: other types need extras, such as that of the PII processor.

    :raises Exception: whatever the import of a package raises that is missing or broken
    """
    global _is_imported  # noqa: PLW0603 - as the modules of a process
    if _is_imported:
        return
    # If the root logger has no handler, the imports add one, which must be removed. Their warnings are about their own
    # code.
    with ingestion_logging("INFO"), warnings.catch_warnings(), collecting_rarely():
        warnings.simplefilter("ignore")
        import_module(_module(PIPELINE_TYPES["metadata"].workflow))
        for name in dict.fromkeys([*(_module(each.workflow) for each in PIPELINE_TYPES.values()), *_STEPS]):
            with suppress(Exception):
                import_module(name)
        _build_in_advance()
    os.register_at_fork(after_in_child=_seed)
    _is_imported = True


def _build_in_advance() -> None:
    """Build what each run of the type `metadata` would build, and skip what this release does not have."""
    with suppress(Exception):
        # It imports all kinds of services, and remembers the order of their entities.
        resolve_name("metadata.ingestion.models.topology:get_entity_hierarchy")()
    for name in _MODELS:
        with suppress(Exception):
            resolve_name(f"metadata.generated.schema.{name}").model_rebuild()


def _seed() -> None:
    """Give a forked process random numbers of its own: Python does so for `random`, numpy does not."""
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed()


def _module(path: str) -> str:
    return path.rpartition(".")[0]
