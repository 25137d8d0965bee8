"""What the server knows from the start: the sample service, and what every OpenMetadata server is installed with."""

from pathlib import Path

from sandbox.openmetadata.store import Store

SAMPLE_SERVICE = "sample_sqlite"
DATABASE_TYPES = ("SQLite", "Postgres", "Mysql")
TEST_STEPS = (
    ("CheckAccess", "Validate that we can reach the database with the given connection.", True),
    ("GetSchemas", "List the schemas that the user can see.", True),
    ("GetTables", "List the tables of a schema.", True),
    ("GetViews", "List the views of a schema.", False),
)
CLASSIFICATIONS = {
    "PII": ("Personally identifiable information.", ("Sensitive", "NonSensitive", "None")),
    "Tier": ("How important an asset is to the business.", ("Tier1", "Tier2", "Tier3", "Tier4", "Tier5")),
}


def plant(store: Store, source_database: Path | None) -> None:
    """Put the initial entities into a store; the sample service only where there is a source database for it."""
    definitions = store.collections["testConnectionDefinition"]
    for service_type in DATABASE_TYPES:
        # Clients ask for <type>.testConnectionDefinition: the dot is part of the name, yet the server doesn't quote it.
        name = f"{service_type}.testConnectionDefinition"
        store.add(
            definitions, {"name": name, "fullyQualifiedName": name, "steps": [step(*each) for each in TEST_STEPS]}
        )
    for classification, (description, tags) in CLASSIFICATIONS.items():
        store.add(store.collections["classification"], {"name": classification, "description": description})
        for tag in tags:
            request = {"name": tag, "classification": classification, "description": f"{classification} {tag}"}
            store.add(store.collections["tag"], request)
    if source_database is not None:
        connection = {
            "type": "SQLite",
            "scheme": "sqlite+pysqlite",
            # SQLite has no name for its database; without one here, the source would take None for a name.
            "database": "default",
            "databaseMode": str(source_database.resolve()),
            "supportsMetadataExtraction": True,
        }
        service = {
            "name": SAMPLE_SERVICE,
            "serviceType": "SQLite",
            "description": "A small shop.",
            "connection": {"config": connection},
        }
        store.add(store.collections["databaseService"], service)


def step(name: str, description: str, mandatory: bool) -> dict[str, object]:
    return {
        "name": name,
        "description": description,
        "errorMessage": f"{name} failed: check the connection and what its user may read.",
        "mandatory": mandatory,
        "shortCircuit": name == "CheckAccess",
    }
