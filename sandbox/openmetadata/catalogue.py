"""The kinds of entities that the server knows. An entry here gives a collection all of its routes."""

from sandbox.openmetadata.collection import RELATIONS, Collection, Document
from sandbox.openmetadata.completions import complete_table, enable, name_query, name_test_case, name_test_suite
from sandbox.openmetadata.other_services import OTHER_SERVICES


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
        on_request=RELATIONS
        | TABLE_PARTS
        | {"tableConstraints", "tablePartition", "profile", "customMetrics", "testSuite"},
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
    Collection(
        path="queries",
        kind="query",
        entity="entity.data.query.Query",
        create="api.data.createQuery.CreateQueryRequest",
        references={"service": "databaseService", "users": "user", "queryUsedIn": "table"},
        on_request=RELATIONS | {"users", "queryUsedIn"},
        untold=frozenset({"deleted"}),
        name=name_query,
    ),
    Collection(
        path="users",
        kind="user",
        entity="entity.teams.user.User",
        create="api.teams.createUser.CreateUserRequest",
    ),
    Collection(
        path="teams",
        kind="team",
        entity="entity.teams.team.Team",
        create="api.teams.createTeam.CreateTeamRequest",
    ),
    Collection(path="metadata/types", kind="type", entity="entity.type.Type"),
    Collection(
        path="dataQuality/testDefinitions",
        kind="testDefinition",
        entity="tests.testDefinition.TestDefinition",
        create="api.tests.createTestDefinition.CreateTestDefinitionRequest",
    ),
    Collection(
        path="dataQuality/testSuites",
        kind="testSuite",
        entity="tests.testSuite.TestSuite",
        create="api.tests.createTestSuite.CreateTestSuiteRequest",
        references={"basicEntityReference": "table"},
        name=name_test_suite,
    ),
    Collection(
        path="dataQuality/testCases",
        kind="testCase",
        entity="tests.testCase.TestCase",
        create="api.tests.createTestCase.CreateTestCaseRequest",
        references={"testSuite": "testSuite", "testDefinition": "testDefinition"},
        name=name_test_case,
    ),
    *OTHER_SERVICES,
)
