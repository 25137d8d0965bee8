"""The kinds of openmetadata-ingestion's schemas, see `dag_factory.configs.schemas`, as JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dag_factory.configs.json_schema import references
from dag_factory.configs.schemas import ANY, BOOLEAN, INTEGER, MOMENT, NUMBER, SECRET, TEXT, Kind, Schemas

REFERENCE = {"$ref": f"#/definitions/{references.NAME}"}
_PLAIN = {
    BOOLEAN: "boolean",
    INTEGER: "integer",
    NUMBER: "number",
    TEXT: "string",
    SECRET: "string",
    MOMENT: "string",
}
_SECRET = "A secret: write a reference in its place, such as {$env: NAME}."


def or_reference(schema: dict[str, Any]) -> dict[str, Any]:
    """
    Return the schema of a value that may be a reference instead, and is not an object itself.

    As a choice of two, an editor would blame a misspelt reference for not being the value.
    """
    return {"if": {"type": "object"}, "then": REFERENCE, "else": schema}


class Kinds:
    """
    Writes kinds as JSON Schema, and collects the definitions of the types that these need.

    Every field may be null, which means its default, and may be missing, since a `defaults.yaml` may hold it.

    :param schemas: of one version of openmetadata-ingestion
    :param texts: descriptions and defaults of the fields of its types
    """

    def __init__(self, schemas: Schemas, texts: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
        self.schemas = schemas
        self._texts = texts
        self.definitions: dict[str, Any] = {}

    def of(self, kind: Kind) -> dict[str, Any]:
        """Return the schema of a kind."""
        if isinstance(kind, dict):
            return self._of_several(kind)
        if kind == ANY:
            return {}
        if kind in _PLAIN:
            return or_reference({"type": [_PLAIN[kind], "null"]})
        if values := self.schemas.values(kind):
            return or_reference({"enum": [*values, None]})
        return self.of_type(kind)

    def of_type(self, kind: str) -> dict[str, Any]:
        """Return the schema of a type: a pointer to its definition."""
        if kind not in self.definitions:
            self.definitions[kind] = {}  # it may hold itself
            self.definitions[kind] = self._object(kind)
        return {"$ref": f"#/definitions/{kind}"}

    def field(self, kind: str, name: str, *, is_checked: bool = True) -> dict[str, Any]:
        """
        Return the schema of a type's field, with its description.

        :param is_checked: whether its value is looked at; true and false always are
        """
        known = self.schemas.fields(kind)[name]
        text = self._texts.get(kind, {}).get(name, {})
        lowest, highest = self.schemas.bounds(kind, name)
        described = text.get("description")
        if known == SECRET:
            described = f"{described} {_SECRET}" if described else _SECRET
        found = {
            **(self.of(known) if is_checked or known == BOOLEAN else {}),
            "description": described,
            "default": text.get("default"),
            "minimum": lowest,
            "maximum": highest,
        }
        return {name: value for name, value in found.items() if value is not None}

    def _object(self, kind: str) -> dict[str, Any]:
        found: dict[str, Any] = {
            "type": ["object", "null"],
            "properties": {name: self.field(kind, name) for name in self.schemas.fields(kind)},
        }
        if self.schemas.takes_unknown_fields(kind):
            return {**found, "propertyNames": references.NO_REFERENCE}
        return {**found, "additionalProperties": False}

    def _of_several(self, kind: dict[str, Any]) -> dict[str, Any]:
        if "list" in kind:
            return {"type": ["array", "null"], "items": self.of(kind["list"])}
        if "map" in kind:
            return {
                "type": ["object", "null"],
                "additionalProperties": self.of(kind["map"]),
                "propertyNames": references.NO_REFERENCE,
            }
        options = [self.of(each) for each in kind["one of"]]
        return {} if {} in options else {"anyOf": options}
