"""The fields of each source config, from openmetadata-ingestion's schemas, as tables of Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import islice

from dag_factory.configs import schemas as kinds
from dag_factory.configs.schemas import ANY_SERVICE, Kind, Schemas, newest, texts_of
from dag_factory.portable.openmetadata.pipeline_types import PIPELINE_TYPES
from tools.docs_site import heading_id
from tools.markdown import cell

WORDS = {
    kinds.BOOLEAN: "true or false",
    kinds.INTEGER: "whole number",
    kinds.NUMBER: "number",
    kinds.TEXT: "text",
    kinds.SECRET: "text, secret",
    kinds.MOMENT: "moment",
    kinds.ANY: "any",
}
# Each application has a config of its own, which OpenMetadata's UI writes.
WITHOUT_PARTS = ("application",)


def source_configs() -> Iterator[str]:
    """Yield the lines of a section for each pipeline type and kind of service, then one for each part of them."""
    schemas = newest()
    parts = _all_parts(schemas)
    yield f"These are the fields of openmetadata-ingestion {schemas.version}."
    for name in PIPELINE_TYPES:
        for service, model in schemas.source_configs(name).items():
            yield ""
            yield f"## {name}" if service == ANY_SERVICE else f"## {name} of a {service}"
            yield ""
            yield from _table(schemas, model, parts)
    yield ""
    yield "## Parts"
    for part in sorted(parts):
        yield ""
        yield f"### {part}"
        yield ""
        yield from _table(schemas, part, parts) if schemas.fields(part) else ["It has no fields of its own."]


def fields_of(model: str, names: Sequence[str] = ()) -> Iterator[str]:
    """
    Yield the rows of a table of a type's fields.

    :param names: of the fields that are wanted, in their order; empty for all
    """
    schemas = newest()
    yield from islice(_table(schemas, model, frozenset(), names), 2, None)


def _all_parts(schemas: Schemas) -> set[str]:
    """Return the names of the types that have a section."""
    models = [schemas.source_configs(name).values() for name in PIPELINE_TYPES if name not in WITHOUT_PARTS]
    fields = [schemas.fields(model).values() for found in models for model in found]
    return set(_parts(schemas, [kind for found in fields for kind in found], set()))


def _table(schemas: Schemas, model: str, parts: Set[str], names: Sequence[str] = ()) -> Iterator[str]:
    texts = texts_of(schemas).get(model, {})
    yield "| field | type | default | meaning |"
    yield "|---|---|---|---|"
    known = schemas.fields(model)
    # What says which source config it is comes first.
    for name in names or sorted(known, key=lambda each: (each != "type", each)):
        kind = known[name]
        text = texts.get(name, {})
        default = f"`{json.dumps(text['default'])}`" if text.get("default") is not None else "none"
        value = "required" if name in schemas.required(model) else default
        yield f"| `{name}` | {_words(schemas, kind, parts)} | {value} | {cell(text.get('description') or '')} |"


def _words(schemas: Schemas, kind: Kind, parts: Set[str]) -> str:
    """Return which values a kind takes; the name of a part is a link to it."""
    if isinstance(kind, dict):
        if "list" in kind:
            return f"list: {_words(schemas, kind['list'], parts)}"
        if "map" in kind:
            return f"mapping: {_words(schemas, kind['map'], parts)}"
        return ", or ".join(dict.fromkeys(_words(schemas, each, parts) for each in kind["one of"]))
    if schemas.is_type(kind):
        return f"[{kind}](#{heading_id(kind, '-')})" if kind in parts else str(kind)
    values = schemas.values(kind)
    return ", ".join(f"`{value}`" for value in values) if values else WORDS.get(kind, str(kind))


def _parts(schemas: Schemas, found: Iterable[Kind], seen: set[str]) -> Iterator[str]:
    """Yield the names of the types in some kinds, and of those in them."""
    for kind in found:
        if isinstance(kind, dict):
            inner = [each for value in kind.values() for each in (value if isinstance(value, list) else [value])]
            yield from _parts(schemas, inner, seen)
        elif schemas.is_type(kind) and kind not in seen:
            seen.add(kind)
            yield kind
            yield from _parts(schemas, schemas.fields(kind).values(), seen)
