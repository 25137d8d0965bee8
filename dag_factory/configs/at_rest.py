"""What of a document is sealed in the store: everything that is not known to be harmless."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from dag_factory.configs import schemas
from dag_factory.configs.document import Document
from dag_factory.configs.pipeline import DAG_FIELDS
from dag_factory.configs.schemas import Kind
from dag_factory.portable.secrets.names import is_secret_name, is_secret_place
from dag_factory.portable.secrets.redaction import HIDDEN, encrypt, is_secret, may_be_secret, names_in, redact
from dag_factory.portable.secrets.references import is_reference

Seal = Callable[[str | float], Any]
"""Returns what replaces a text or a number."""

# Our own section, which OpenMetadata's schemas don't have.
_OURS = "dagFactory"
_DESCRIPTION = "description"


def sealed(document: Document, seal: Seal) -> Document:
    """
    Return a document as it may be stored, with everything that may be secret sealed.

    A text or number is sealed where

    - its field's name says that it is a secret, or it looks like one
    - it stands among the options of drivers and servers (``securityConfig``, ``connectionOptions`` and the like)
    - no schema of openmetadata-ingestion knows its field, such as one of a newer server.

    What a DAG is built from stays readable whatever it looks like, except for the description. True, false, null, empty
    texts and references stay as they are, so that unsealing returns the same document.
    """
    kinds = schemas.fields(schemas.PIPELINE)
    return {
        name: encrypt(value, seal, name, by_value=False)
        if name == _OURS
        else _sealed(value, kinds.get(name), name, seal, is_of_dag=name in DAG_FIELDS and name != _DESCRIPTION)
        for name, value in document.items()
    }


def without_secrets(document: Document) -> Document:
    """Return a document with ``***`` in place of everything that would be sealed."""
    return sealed(document, lambda _: HIDDEN)


def sealed_values(document: Document) -> Iterator[str]:
    """Yield the text of each value that would be sealed."""
    found: dict[str, None] = {}
    sealed(document, lambda value: found.setdefault(str(value)))
    yield from found


def open_texts(document: Document) -> Iterator[str]:
    """Yield each text of a document that anybody may read."""
    yield from _texts(redact(without_secrets(document)))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for child in value.values() if isinstance(value, dict) else value:
            yield from _texts(child)


def _sealed(value: Any, kind: Kind, name: str, seal: Seal, *, is_of_dag: bool) -> Any:
    """
    Return a value with what may be secret in it sealed.

    :param kind: its kind in the schemas, None where they don't know it
    :param is_of_dag: whether a DAG is built from it
    """
    fit = schemas.fitting(kind, value)
    # Our own model judges the values that a DAG is built from, such as a number in quotes.
    is_readable = is_of_dag and kind is not None and not isinstance(value, (dict, list))
    if value is None or is_readable or is_reference(value) or schemas.is_harmless(fit):
        return value
    if fit in (None, schemas.ANY, schemas.SECRET) or is_secret_name(name) or is_secret_place(name):
        return _all_sealed(value, seal)
    if isinstance(value, dict):
        names, known = names_in(value, name), schemas.fields(fit)
        item = fit.get("map") if isinstance(fit, dict) else None
        return {
            key: _sealed(child, known.get(key, item), names[key], seal, is_of_dag=is_of_dag)
            for key, child in value.items()
        }
    if isinstance(value, list):
        return [_sealed(child, fit["list"], name, seal, is_of_dag=is_of_dag) for child in value]
    return seal(value) if value and is_secret("", value) else value


def _all_sealed(value: Any, seal: Seal) -> Any:
    if is_reference(value):
        return value
    if isinstance(value, dict):
        return {key: _all_sealed(child, seal) for key, child in value.items()}
    if isinstance(value, list):
        return [_all_sealed(child, seal) for child in value]
    return seal(value) if may_be_secret(value) else value
