"""What of a pipeline's source config is shown to everybody who may see its DAG."""

from __future__ import annotations

import json
from typing import Any

from dag_factory.configs import schemas
from dag_factory.configs.schemas import Kind
from dag_factory.portable.secrets.names import is_secret_name, is_secret_place
from dag_factory.portable.secrets.redaction import HIDDEN, is_secret, redact
from dag_factory.portable.secrets.references import is_reference
from dag_factory.portable.secrets.shown_names import shown_name

# Texts of these fields are filters and names of entities in OpenMetadata. In other texts, an author may write anything:
# paths, addresses, SQL conditions, descriptions.
_SHOWN_TEXTS = frozenset({
    "columnName", "columns", "crossDatabaseServiceNames", "databaseName", "dbServiceNames", "dbServicePrefixes",
    "dbtClassificationName", "endDate", "entities", "entityFullyQualifiedName", "excludes", "includes",
    "messagingServiceNames", "schemaName", "serviceName", "serviceType", "sourcePythonClass", "startDate",
    "storageServiceNames", "tableName", "tagFQN", "testCases", "type",
})  # fmt: skip
# In characters. A longer one takes seconds to judge, and a parse of all DAGs has thirty; nor would it fit into docs.
_LONGEST = 200_000

_encoded = json.JSONEncoder(ensure_ascii=False).encode


def shown(source_config: Any) -> Any:
    """
    Return a source config with ``***`` in place of all that openmetadata-ingestion's schemas don't know to be harmless.

    Shown are true, false and null, fields that are numbers or enums in the schemas, filters and names unless they look
    like a secret, and references. Of a very long source config, nothing is shown.
    """
    if len(_encoded(source_config)) > _LONGEST:
        return HIDDEN
    return _shown(source_config, schemas.kind_at("sourceConfig", "config"), "")


def _shown(value: Any, kind: Kind, name: str) -> Any:
    if value is None or value == "" or isinstance(value, bool):
        return value
    if is_reference(value):
        return redact(value)
    fit = schemas.fitting(kind, value)
    if schemas.is_harmless(fit):
        return value
    is_known = fit not in (None, schemas.ANY, schemas.SECRET) and not is_secret_name(name) and not is_secret_place(name)
    if is_known and isinstance(value, dict) and (known := schemas.fields(fit)):
        # In a mapping with free keys, a key may be a secret too.
        return {_name(key, known): _shown(child, known.get(key), key) for key, child in value.items()}
    if is_known and isinstance(value, list):
        return [_shown(child, fit["list"], name) for child in value]
    return value if is_known and name in _SHOWN_TEXTS and not is_secret("", value) else HIDDEN


def _name(key: str, known: Any) -> str:
    return key if key in known else shown_name(key)
