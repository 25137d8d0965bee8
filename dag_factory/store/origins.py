"""From which file does each value of a config come? With its secrets hidden, for those who look at it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dag_factory.configs.at_rest import without_secrets
from dag_factory.configs.document import Document
from dag_factory.configs.pipeline import DAG_FIELDS
from dag_factory.configs.validation.positions import Place, Positions
from dag_factory.portable.secrets.redaction import redact
from dag_factory.portable.secrets.references import is_reference
from dag_factory.portable.secrets.shown_names import shown_field, shown_name
from dag_factory.store.config_files import Readable, defaults_keys


@dataclass(frozen=True)
class Value:
    """
    A value of a merged config.

    :param field: its dotted path
    :param value: with secrets hidden; a list of plain values is one
    :param file: key of the file that it comes from, None where that is unknown, as in a last good version
    :param line: its line there
    """

    field: str
    value: Any
    file: str | None = None
    line: int | None = None

    @property
    def text(self) -> str:
        """The value on one line: a text as it is, anything else as JSON."""
        return self.value if isinstance(self.value, str) else json.dumps(self.value, ensure_ascii=False)


def shown(document: Document) -> Document:
    """Return a document as people may see it: all that would be encrypted in the store is hidden."""
    sealed = without_secrets(document)
    # What a DAG is built from is not encrypted there, and may look like a secret all the same.
    return {
        name: redact(value, name) if name in DAG_FIELDS else _without_tokens(value) for name, value in sealed.items()
    }


def with_shown_names(value: Any) -> Any:
    """Return a value with ``***`` in place of the names in it that may be a secret, numbered where they are several."""
    if isinstance(value, list):
        return [with_shown_names(child) for child in value]
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    for name, child in value.items():
        shown = once = shown_name(name)
        number = 1
        while once in found:
            number += 1
            once = f"{shown} ({number})"
        found[once] = with_shown_names(child)
    return found


def _without_tokens(value: Any) -> Any:
    if is_reference(value):
        return redact(value)
    if isinstance(value, dict):
        return {name: _without_tokens(child) for name, child in value.items()}
    if isinstance(value, list):
        return [_without_tokens(child) for child in value]
    return value


def values_of(document: Document, key: str | None, files: Readable) -> list[Value]:
    """
    Return the values of a merged document, in its order, each with the place that it comes from.

    :param key: of its file, None where no file holds what the document does
    """
    origins = Positions(files.read).origins(key, defaults_keys(key)) if key is not None else {}
    leaves = _leaves(shown(document), "")
    return [Value(shown_field(field), with_shown_names(value), *_origin(field, origins)) for field, value in leaves]


def _origin(field: str, origins: dict[str, tuple[str, Place]]) -> tuple[str | None, int | None]:
    while field:
        if (found := origins.get(field)) is not None:
            return found[0], found[1][0]
        # The items of a list have no places in JSON.
        field = field.rpartition(".")[0]
    return None, None


def _leaves(value: Any, field: str) -> Iterator[tuple[str, Any]]:
    children: list[tuple[str, Any]] = []
    if isinstance(value, dict) and not is_reference(value):
        children = list(value.items())
    elif isinstance(value, list) and any(isinstance(each, (dict, list)) for each in value):
        children = [(str(index), each) for index, each in enumerate(value)]
    if not children:
        yield field, value
    for name, child in children:
        yield from _leaves(child, f"{field}.{name}" if field else name)
