"""The entities that the server knows. One entry here gives a collection all of its routes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.openmetadata.names import join

Document = dict[str, Any]

RELATIONS = frozenset({"owners", "tags", "domains", "dataProducts", "followers", "votes", "extension", "certification"})
"""Fields that the real server keeps as relations, and answers only where ``?fields=`` asks for them."""


def as_it_is(document: Document) -> None:
    pass


@dataclass(frozen=True)
class Collection:
    """One kind of entity, and how an entity is made of the request that creates it."""

    path: str
    """Where it is served, below /api/v1."""
    kind: str
    """The ``type`` in references to one of its entities."""
    entity: str
    """The model of an entity, below metadata.generated.schema."""
    create: str | None = None
    """The model of the request that creates one; None: there is only what the server starts with."""
    references: Mapping[str, str] = field(default_factory=dict)
    """Fields of the request that name another entity, and its kind; the first one present is the parent."""
    inherits: tuple[str, ...] = ()
    """Fields that an entity has from its parent."""
    on_request: frozenset[str] = RELATIONS
    """Fields that are answered only where ``?fields=`` asks for them."""
    parts: frozenset[str] = frozenset()
    """Fields that are written by a PUT of their own: /{id}/{part}."""
    complete: Callable[[Document], None] = as_it_is
    """Fills in what the request leaves to the server."""


def complete_table(table: Document) -> None:
    table.setdefault("tableType", "Regular")
    complete_columns(table["fullyQualifiedName"], table["columns"])


def complete_columns(above: str, columns: list[Document]) -> None:
    for position, column in enumerate(columns, 1):
        column["fullyQualifiedName"] = join(above, column["name"])
        column["ordinalPosition"] = position
        complete_columns(column["fullyQualifiedName"], column.get("children") or [])


def enable(pipeline: Document) -> None:
    pipeline.setdefault("enabled", True)
    pipeline.setdefault("deployed", False)
    pipeline.setdefault("provider", "user")


def wait(automation: Document) -> None:
    automation.setdefault("status", "Pending")


TABLE_PARTS = frozenset({"sampleData", "tableProfilerConfig", "dataModel", "joins"})

COLLECTIONS = (
    Collection(
        path="services/databaseServices",
        kind="databaseService",
        entity="entity.services.databaseService.DatabaseService",
        create="api.services.createDatabaseService.CreateDatabaseServiceRequest",
    ),
    Collection(
        path="services/metadataServices",
        kind="metadataService",
        entity="entity.services.metadataService.MetadataService",
        create="api.services.createMetadataService.CreateMetadataServiceRequest",
    ),
    Collection(
        path="databases",
        kind="database",
        entity="entity.data.database.Database",
        create="api.data.createDatabase.CreateDatabaseRequest",
        references={"service": "databaseService"},
        inherits=("serviceType",),
    ),
    Collection(
        path="databaseSchemas",
        kind="databaseSchema",
        entity="entity.data.databaseSchema.DatabaseSchema",
        create="api.data.createDatabaseSchema.CreateDatabaseSchemaRequest",
        references={"database": "database"},
        inherits=("service", "serviceType"),
    ),
    Collection(
        path="tables",
        kind="table",
        entity="entity.data.table.Table",
        create="api.data.createTable.CreateTableRequest",
        references={"databaseSchema": "databaseSchema"},
        inherits=("database", "service", "serviceType"),
        on_request=RELATIONS | TABLE_PARTS | {"tableConstraints", "tablePartition", "profile", "customMetrics"},
        parts=TABLE_PARTS,
        complete=complete_table,
    ),
    Collection(
        path="storedProcedures",
        kind="storedProcedure",
        entity="entity.data.storedProcedure.StoredProcedure",
        create="api.data.createStoredProcedure.CreateStoredProcedureRequest",
        references={"databaseSchema": "databaseSchema"},
        inherits=("database", "service", "serviceType"),
    ),
    Collection(
        path="services/ingestionPipelines",
        kind="ingestionPipeline",
        entity="entity.services.ingestionPipelines.ingestionPipeline.IngestionPipeline",
        create="api.services.ingestionPipelines.createIngestionPipeline.CreateIngestionPipelineRequest",
        references={"service": "databaseService"},
        on_request=RELATIONS | {"pipelineStatuses"},
        complete=enable,
    ),
    Collection(
        path="services/testConnectionDefinitions",
        kind="testConnectionDefinition",
        entity="entity.services.connections.testConnectionDefinition.TestConnectionDefinition",
    ),
    Collection(
        path="automations/workflows",
        kind="workflow",
        entity="entity.automations.workflow.Workflow",
        create="api.automations.createWorkflow.CreateWorkflowRequest",
        complete=wait,
    ),
    Collection(
        path="classifications",
        kind="classification",
        entity="entity.classification.classification.Classification",
        create="api.classification.createClassification.CreateClassificationRequest",
    ),
    Collection(
        path="tags",
        kind="tag",
        entity="entity.classification.tag.Tag",
        create="api.classification.createTag.CreateTagRequest",
        references={"parent": "tag", "classification": "classification"},
        inherits=("classification",),
    ),
)
