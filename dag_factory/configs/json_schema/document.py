"""The JSON Schema of a whole config, and of a `defaults.yaml`."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from dag_factory.configs.allowed import SERVER
from dag_factory.configs.json_schema import references
from dag_factory.configs.json_schema.kinds import REFERENCE, Kinds, or_reference
from dag_factory.configs.json_schema.models import model_schema
from dag_factory.configs.json_schema.source_configs import conditions
from dag_factory.configs.pipeline import AirflowConfig, DagFactory, EntityReference, IngestionPipeline, Runner
from dag_factory.configs.schemas import PIPELINE, Schemas, texts_of
from dag_factory.portable.openmetadata.pipeline_types import PIPELINE_TYPES
from dag_factory.portable.openmetadata.source_configs import KINDS_OF_SERVICES
from dag_factory.portable.secrets.references import FORMS
from dag_factory.settings.options import IN_PROCESS

DRAFT = "http://json-schema.org/draft-07/schema#"
"""What the language servers of editors read best: yaml-language-server, VS Code's JSON, and JetBrains' editors."""

# What a run passes to openmetadata-ingestion. The values of other fields without a model are not read.
_OF_RUN = ("enableStreamableLogs", "loggerLevel", "raiseOnError")


# Of what openmetadata-ingestion's models don't describe.
_TEXTS = {
    "sourceConfig": "What is ingested, and how.",
    SERVER: "The OpenMetadata server to report to, and the token of its bot.",
}
_SOURCE_CONFIG = "The fields depend on the pipelineType, on the type of the service, and on its own type."


def config_schema(schemas: Schemas, *, pipeline_type: str | None = None) -> dict[str, Any]:
    """
    Return the JSON Schema of a config.

    Only the name is required, since every other field may stand in a `defaults.yaml`.

    :param schemas: of the openmetadata-ingestion that runs it
    :param pipeline_type: the only one that it may have; None for all
    """
    return {**_document(schemas, pipeline_type, encrypted=True), "title": "Config of a pipeline", "required": ["name"]}


def defaults_schema(schemas: Schemas, *, pipeline_type: str | None = None) -> dict[str, Any]:
    """
    Return the JSON Schema of a `defaults.yaml`: that of a config, of which nothing is required and nothing encrypted.

    :param schemas: of the openmetadata-ingestion that runs the configs
    :param pipeline_type: the only one that they may have; None for all
    """
    return {**_document(schemas, pipeline_type, encrypted=False), "title": "Defaults of the configs of a folder"}


def _document(schemas: Schemas, pipeline_type: str | None, *, encrypted: bool) -> dict[str, Any]:
    kinds = Kinds(schemas, texts_of(schemas))
    types = [name for name in PIPELINE_TYPES if schemas.source_configs(name)]
    fields = _known_fields(kinds, PIPELINE, IngestionPipeline)
    fields |= {name: kinds.field(PIPELINE, name) for name in _OF_RUN if name in schemas.fields(PIPELINE)}
    sections = {
        "airflowConfig": _object(_known_fields(kinds, "AirflowConfig", AirflowConfig), may_be_null=True),
        "service": _service(kinds),
        "owners": _owners(kinds),
        "sourceConfig": _object(
            {
                "config": {
                    "type": "object",
                    "propertyNames": references.NO_REFERENCE,
                    "description": _SOURCE_CONFIG,
                }
            }
        ),
        SERVER: _server(kinds),
        "dagFactory": _dag_factory(),
        "pipelineType": {"enum": types if pipeline_type is None else [pipeline_type]},
    }
    described = {name: field["description"] for name, field in fields.items() if "description" in field}
    for name, schema in sections.items():
        fields[name] = {**schema, "description": _TEXTS.get(name) or described[name]}
    return {
        "$schema": DRAFT,
        "$comment": f"Source configs as openmetadata-ingestion {schemas.version} has them.",
        "type": "object",
        # An editor may find its schema by this field, in JSON, which has no comments.
        "properties": {
            "$schema": {"type": "string", "description": "The schema of this file, for an editor."},
            **fields,
        },
        "additionalProperties": False,
        "allOf": conditions(kinds, types, only=pipeline_type),
        "definitions": {
            references.NAME: references.reference(encrypted=encrypted),
            **dict(sorted(kinds.definitions.items())),
        },
    }


def _known_fields(kinds: Kinds, kind: str, model: type[BaseModel]) -> dict[str, Any]:
    """Return the fields of a level, by name: those of our model first, then OpenMetadata's others."""
    ours = model_schema(model)["properties"]
    others = kinds.schemas.fields(kind)
    return {**ours, **{name: kinds.field(kind, name, is_checked=False) for name in others if name not in ours}}


def _object(fields: dict[str, Any], *, may_be_null: bool = False) -> dict[str, Any]:
    kind = ["object", "null"] if may_be_null else "object"
    return {"type": kind, "properties": fields, "additionalProperties": False}


def _service(kinds: Kinds) -> dict[str, Any]:
    fields = _known_fields(kinds, "EntityReference", EntityReference)
    known = [*KINDS_OF_SERVICES, "testSuite"]
    # Newer servers may have more kinds of services, whose names end alike.
    kind = {"anyOf": [{"enum": known}, {"type": "string", "pattern": "Service$"}, {"type": "null"}]}
    fields["type"] = {**kind, "description": "Kind of the service, such as databaseService."}
    fields["name"] = {"type": "string", "minLength": 1, "description": "Name of the service in OpenMetadata."}
    return _object(fields)


def _owners(kinds: Kinds) -> dict[str, Any]:
    owner = _object(_known_fields(kinds, "EntityReference", EntityReference))
    return or_reference({"type": ["array", "null"], "items": owner})


def _server(kinds: Kinds) -> dict[str, Any]:
    kind = str(kinds.schemas.kind_at(SERVER))
    fields = {name: _as_a_whole(kinds.field(kind, name)) for name in kinds.schemas.fields(kind)}
    url = {"type": ["string", "null"], "pattern": r"^\s*(?:[hH][tT][tT][pP][sS]?://|$)"}
    url["patternErrorMessage"] = "Write a URL like https://openmetadata.example.com/api"
    fields["hostPort"] |= or_reference(url)
    return _object(fields, may_be_null=True)


def _as_a_whole(field: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a field that may be a reference as a whole, unless it already may be one."""
    if field.get("then") == REFERENCE:
        return field
    kept = {name: value for name, value in field.items() if name in ("description", "default")}
    kind = {name: value for name, value in field.items() if name not in kept}
    is_reference = {"type": "object", "anyOf": [{"required": [form]} for form in sorted(FORMS)]}
    return {"if": is_reference, "then": REFERENCE, "else": kind, **kept}


def _dag_factory() -> dict[str, Any]:
    runner, ours = model_schema(Runner)["properties"], model_schema(DagFactory)["properties"]
    path = {"type": ["string", "null"], "pattern": f"^(?:{IN_PROCESS}$|/)"}
    path["patternErrorMessage"] = f"Write {IN_PROCESS}, or the absolute path of an interpreter"
    runner["python"] = {**path, "description": runner["python"]["description"]}
    ours["runner"] = {**_object(runner, may_be_null=True), **ours["runner"]}
    return _object(ours, may_be_null=True)
