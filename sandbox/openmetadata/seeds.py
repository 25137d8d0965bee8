"""The entities that the server starts with: the sample service, and those of every OpenMetadata server."""

from pathlib import Path

from sandbox.openmetadata.store import Store

SAMPLE_SERVICE = "sample_sqlite"
DATABASE_STEPS = (
    ("CheckAccess", "Validate that we can reach the database with the given connection.", True),
    ("GetSchemas", "List the schemas that the user can see.", True),
    ("GetTables", "List the tables of a schema.", True),
    ("GetViews", "List the views of a schema.", False),
)
TEST_STEPS = {
    **dict.fromkeys(("SQLite", "Postgres", "Mysql"), DATABASE_STEPS),
    "Rest": (
        ("CheckURL", "Validate that we can reach the schema of the API.", True),
        ("CheckSchema", "Validate that it is one.", True),
    ),
    "Mcp": (
        ("DiscoverServers", "Find the servers.", True),
        ("ConnectToServers", "Validate that we can reach one of them.", True),
    ),
}
"""What is tested of a connection, by the type of its service."""
CLASSIFICATIONS = {
    "PII": ("Personally identifiable information.", ("Sensitive", "NonSensitive", "None")),
    "Tier": ("How important an asset is to the business.", ("Tier1", "Tier2", "Tier3", "Tier4", "Tier5")),
}

# Tags for what columns hold, and the recognizers that find it.
RECOGNIZERS = {"PII.Sensitive": ("EmailRecognizer", "CreditCardRecognizer")}
NUMBERS = ("INT", "BIGINT", "SMALLINT", "NUMERIC", "DECIMAL", "DOUBLE", "FLOAT", "NUMBER")
TEXTS = ("STRING", "VARCHAR", "CHAR", "TEXT")
MOMENTS = ("DATE", "DATETIME", "TIMESTAMP", "TIMESTAMPZ", "TIME")
TEST_DEFINITIONS = (
    ("tableRowCountToBeBetween", "TABLE", (), ("minValue", "maxValue")),
    ("columnValuesToBeNotNull", "COLUMN", (*NUMBERS, *TEXTS, *MOMENTS), ()),
    ("columnValuesToBeUnique", "COLUMN", (*NUMBERS, *TEXTS, *MOMENTS), ()),
    ("columnValuesToBeBetween", "COLUMN", (*NUMBERS, *MOMENTS), ("minValue", "maxValue")),
    ("columnValuesToMatchRegex", "COLUMN", TEXTS, ("regex",)),
)


def plant(store: Store, source_database: Path | None) -> None:
    """Put the initial entities into a store; the sample service only where there is a source database for it."""
    definitions = store.collections["testConnectionDefinition"]
    for service_type, steps in TEST_STEPS.items():
        # Clients ask for <type>.testConnectionDefinition: the dot is part of the name, yet the server doesn't quote it.
        name = f"{service_type}.testConnectionDefinition"
        store.add(definitions, {"name": name, "fullyQualifiedName": name, "steps": [step(*each) for each in steps]})
    for classification, (description, tags) in CLASSIFICATIONS.items():
        request = {"name": classification, "description": description}
        detected = {"autoClassificationConfig": {"enabled": True}} if classification == "PII" else {}
        store.add(store.collections["classification"], {**request, **detected})
        for tag in tags:
            request = {"name": tag, "classification": classification, "description": f"{classification} {tag}"}
            recognizers = [recognizer(name) for name in RECOGNIZERS.get(f"{classification}.{tag}", ())]
            found = {"recognizers": recognizers, "autoClassificationEnabled": True} if recognizers else {}
            store.add(store.collections["tag"], {**request, **found})
    for name in ("table", "database", "databaseSchema"):
        entity_type = {"name": name, "category": "entity", "nameSpace": "data", "schema": "{}", "customProperties": []}
        store.add(store.collections["type"], {**entity_type, "description": f"A {name}."})
    for definition in TEST_DEFINITIONS:
        store.add(store.collections["testDefinition"], test_definition(*definition))
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
        "shortCircuit": name.startswith("Check"),
    }


def recognizer(name: str) -> dict[str, object]:
    return {
        "name": name,
        "isSystemDefault": True,
        "recognizerConfig": {"type": "predefined", "name": name, "supportedLanguage": "en"},
    }


def test_definition(
    name: str, entity_type: str, data_types: tuple[str, ...], parameters: tuple[str, ...]
) -> dict[str, object]:
    kinds = {"minValue": "INT", "maxValue": "INT", "regex": "STRING"}
    return {
        "name": name,
        "description": f"The test {name}.",
        "entityType": entity_type,
        "testPlatforms": ["OpenMetadata"],
        "supportedDataTypes": list(data_types),
        "parameterDefinition": [{"name": each, "dataType": kinds[each]} for each in parameters],
        "provider": "system",
        "validatorClass": f"{name[0].upper()}{name[1:]}Validator",
    }
