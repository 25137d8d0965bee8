"""What the server fills in where the request that creates an entity leaves it out."""

import re
from hashlib import md5
from typing import Any

from sandbox.openmetadata.names import join

Document = dict[str, Any]

LINK = re.compile(r"<#E::table::(?P<table>.+?)(::columns::\"?(?P<column>.+?)\"?)?>")


def as_it_is(document: Document) -> None:
    pass


def complete_table(table: Document) -> None:
    table.setdefault("tableType", "Regular")
    complete_columns(table["fullyQualifiedName"], table["columns"])


def complete_columns(above: str, columns: list[Document]) -> None:
    for position, column in enumerate(columns, 1):
        column["fullyQualifiedName"] = join(above, column["name"])
        column["ordinalPosition"] = position
        # Without a list, a client that adds to it can't find out what it has added.
        column.setdefault("tags", [])
        complete_columns(column["fullyQualifiedName"], column.get("children") or [])


def complete_container(container: Document) -> None:
    complete_columns(container["fullyQualifiedName"], (container.get("dataModel") or {}).get("columns") or [])


def complete_data_model(model: Document) -> None:
    complete_columns(model["fullyQualifiedName"], model["columns"])


def complete_topic(topic: Document) -> None:
    complete_fields(topic["fullyQualifiedName"], (topic.get("messageSchema") or {}).get("schemaFields") or [])


def complete_endpoint(endpoint: Document) -> None:
    for part in ("requestSchema", "responseSchema"):
        complete_fields(
            join(endpoint["fullyQualifiedName"], part), (endpoint.get(part) or {}).get("schemaFields") or []
        )


def complete_search_index(index: Document) -> None:
    complete_fields(index["fullyQualifiedName"], index["fields"])


def complete_fields(above: str, fields: list[Document]) -> None:
    for field in fields:
        field["fullyQualifiedName"] = join(above, field["name"])
        complete_fields(field["fullyQualifiedName"], field.get("children") or [])


def name_data_model(model: Document) -> None:
    """Name a data model below its service, apart from the dashboards there."""
    model["fullyQualifiedName"] = join(model["service"], "model", model["name"])


def enable(pipeline: Document) -> None:
    pipeline.setdefault("enabled", True)
    pipeline.setdefault("deployed", False)
    pipeline.setdefault("provider", "user")


def name_query(query: Document) -> None:
    """Name a query after its text."""
    query["checksum"] = md5(query["query"].encode(), usedforsecurity=False).hexdigest()
    query.setdefault("name", query["checksum"])
    query.pop("dialect", None)


def name_test_suite(suite: Document) -> None:
    """Name a table's own suite after it."""
    table = suite.pop("executableEntityReference", None) or suite.get("basicEntityReference")
    suite["basic"] = bool(table)
    if table:
        suite["basicEntityReference"] = table
        suite["fullyQualifiedName"] = own_suite(table)


def own_suite(table: str) -> str:
    """Return the fully qualified name of the suite that a table has of its own."""
    return f"{table}.testSuite"


def name_test_case(case: Document) -> None:
    """Name a test case after what it tests, and put it into the suite of that table."""
    link = LINK.fullmatch(case["entityLink"])
    if link is None:
        return
    columns = [link["column"]] if link["column"] else []
    case["entityFQN"] = join(link["table"], *columns)
    case["fullyQualifiedName"] = join(case["entityFQN"], case["name"])
    case["testSuite"] = own_suite(link["table"])
