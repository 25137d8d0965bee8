"""Which source config a document has, by its pipelineType and the kind of its service, as conditions in JSON Schema."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dag_factory.configs.json_schema.kinds import Kinds
from dag_factory.configs.schemas import ANY_SERVICE

_TYPE = "type"


def conditions(kinds: Kinds, pipeline_types: Iterable[str], *, only: str | None) -> list[dict[str, Any]]:
    """
    Return what holds for a whole document: the schema of its source config.

    :param pipeline_types: those that the document may have
    :param only: the pipeline type, where it may have one only, which it need not name
    """
    if only is not None:
        return _for_services(kinds, only)
    types = list(pipeline_types)
    by_type = [
        {"if": _says("pipelineType", {"const": name}), "then": {"allOf": _for_services(kinds, name)}} for name in types
    ]
    models = list(dict.fromkeys(model for name in types for model in kinds.schemas.source_configs(name).values()))
    unsaid = {"if": {"not": {"required": ["pipelineType"]}}, "then": _config(_of_one(kinds, models))}
    return [*by_type, unsaid]


def _for_services(kinds: Kinds, pipeline_type: str) -> list[dict[str, Any]]:
    """Return the conditions for a pipeline type: of each kind of service its model, of any other one of these."""
    choices = kinds.schemas.source_configs(pipeline_type)
    if ANY_SERVICE in choices:
        return [_config(kinds.of_type(choices[ANY_SERVICE]))]
    found = [
        {"if": _service({"const": service}), "then": _config(kinds.of_type(model))}
        for service, model in choices.items()
    ]
    others = _config(_of_one(kinds, list(choices.values())))
    return [*found, {"if": {"not": _service({"enum": list(choices)})}, "then": others}]


def _of_one(kinds: Kinds, models: list[str]) -> dict[str, Any]:
    """Return the schema of an object that is of one of some models: its ``type`` says which."""
    by_type: dict[str, list[dict[str, Any]]] = {}
    for model in models:
        for value in kinds.schemas.values(kinds.schemas.fields(model)[_TYPE]):
            by_type.setdefault(value, []).append(kinds.of_type(model))
    chosen = [{"if": _says(_TYPE, {"const": value}), "then": _any(schemas)} for value, schemas in by_type.items()]
    unsaid = {"if": {"not": {"required": [_TYPE]}}, "then": _any(each for found in by_type.values() for each in found)}
    return {"properties": {_TYPE: {"enum": [*by_type, None]}}, "allOf": [*chosen, unsaid]}


def _any(schemas: Iterable[dict[str, Any]]) -> dict[str, Any]:
    several = list(schemas)
    return several[0] if len(several) == 1 else {"anyOf": several}


def _config(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what holds for a document whose source config has a schema."""
    return {"properties": {"sourceConfig": {"properties": {"config": schema}}}}


def _service(kind: dict[str, Any]) -> dict[str, Any]:
    return {**_says("service", _says("type", kind))}


def _says(name: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"properties": {name: value}, "required": [name]}
