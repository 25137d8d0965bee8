"""Our own models, see `dag_factory.configs.pipeline`, as JSON Schema."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from dag_factory.configs.json_schema.kinds import or_reference
from dag_factory.configs.pipeline import DESCRIPTIVE

# Pydantic's names for what a definition has beside what is checked.
_NOISE = ("title", "default")


def model_schema(model: type[BaseModel]) -> dict[str, Any]:
    """
    Return the schema of a model without its definitions.

    Every field may be null, which means its default, and may be missing, since a `defaults.yaml` may hold it. A field
    that only describes may be a reference.
    """
    whole = model.model_json_schema(by_alias=True)
    required = whole.get("required", [])
    names = {str(field.alias): name for name, field in model.model_fields.items()}
    return {
        "type": "object",
        "properties": {
            alias: _field(schema, may_be_null=alias not in required, may_be_reference=names[alias] in DESCRIPTIVE)
            for alias, schema in whole["properties"].items()
        },
        "additionalProperties": False,
    }


def _field(schema: dict[str, Any], *, may_be_null: bool, may_be_reference: bool) -> dict[str, Any]:
    """Return a field's schema; of a field that holds another model, only what describes it."""
    described = {name: schema[name] for name in ("description", "default") if schema.get(name) is not None}
    kinds = schema.get("anyOf") or [
        {name: value for name, value in schema.items() if name not in (*_NOISE, "description")}
    ]
    kinds = [each for each in kinds if each != {"type": "null"}]
    if any("$ref" in each or "$ref" in each.get("items", {}) for each in kinds):
        return {"description": described["description"]}
    kinds += [{"type": "null"}] if may_be_null else []
    found = kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    return {**(or_reference(found) if may_be_reference else found), **described}
