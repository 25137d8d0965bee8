"""Secrets in the clear: anybody who may read the file, or its Git repository, can read them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import islice
from typing import Any, NamedTuple

from dag_factory.configs import schemas
from dag_factory.configs.dag_ids import clean_dag_id, names_a_dag
from dag_factory.configs.document import Document
from dag_factory.configs.inheritance import DEFAULTS
from dag_factory.configs.pipeline import DAG_FIELDS
from dag_factory.configs.problem import WARNING, Problem
from dag_factory.configs.schemas import Kind
from dag_factory.portable.secrets.detection import has_credentials
from dag_factory.portable.secrets.names import is_always_secret
from dag_factory.portable.secrets.redaction import may_be_secret
from dag_factory.portable.secrets.references import is_reference

_MOST = 20
_MOST_VALUES, _MOST_GLANCED_AT = 400, 2_000
# Longer texts are not searched: a parse of all DAGs has little time.
_LONGEST = 10_000
_IDENTIFIERS = frozenset({"displayName", "fullyQualifiedName", "href", "id", "name", "type"})
# Nor are shorter ones, unless they may be a URL with a password: every token with a known prefix is longer.
_SHORTEST = 20
_REFERENCES = "{$env: NAME} or {$connection: conn_id, field: password}"
# What OpenMetadata shows in place of a secret.
_MASK = re.compile(r"\*{3,}")
# What only leads to a secret: the path of a file, and a reference to OpenMetadata's own secrets manager.
_ELSEWHERE = re.compile(r"(?:/[\w.-]+){2,}|secret:.*", re.DOTALL)
# The schemas mark certificates as secrets, as the keys beside them.
_CERTIFICATE = "-----BEGIN CERTIFICATE-----"
_CERTIFICATES = frozenset({"caCertificate", "sslCertificate"})
_VARIABLE = re.compile(r"\s*(?:\$\w{1,100}(?:[:=].{0,300})?|\$\{.{0,300}\}|\{\{.{0,300}\}\})\s*")

_DESCRIPTION = "description"


def is_variable(text: str) -> bool:
    """Return whether a text is a variable of a shell, Jinja or docker-compose, or a reference written as a text."""
    return _VARIABLE.fullmatch(text) is not None


def in_clear(document: Document) -> Iterator[Problem]:
    """
    Yield a warning for each secret in a document that is stored as it is.

    A secret is the value of a field that openmetadata-ingestion's schemas mark as secret, or of an unknown field with a
    secret's name; or any text that certainly holds one. A deploy encrypts all of these.
    """
    if not _may_hold_any(document):
        return
    way_out = f"Write {_REFERENCES}{_or_encrypted(document.get('name'))}"
    values = islice(_values(document), _MOST_VALUES)
    found = ((each.field, problem) for each in values if (problem := _judged(each)) is not None)
    for field, problem in islice(found, _MOST):
        yield Problem(field, "secret", problem, way_out, WARNING)


class _Value(NamedTuple):
    """
    A value of a document, at whatever depth.

    :param field: its dotted path
    :param kind: its kind in the schemas, None where they don't know it
    :param name: of its field; of the list that it is in
    :param is_of_dag: whether a DAG is built from it, so that a deploy does not encrypt it
    """

    value: Any
    field: str
    kind: Kind
    name: str
    is_of_dag: bool


def _may_hold_any(document: Document) -> bool:
    """Return whether a document may hold a secret in the clear: most hold none, and this runs for each at a parse."""
    remaining: list[tuple[str, Any]] = list(document.items())
    while remaining:
        if len(remaining) > _MOST_GLANCED_AT:
            return True
        name, value = remaining.pop()
        if isinstance(value, dict):
            if not is_reference(value):
                remaining += value.items()
        elif isinstance(value, list):
            remaining += ((name, child) for child in value)
        elif (value and not isinstance(value, bool) and _is_suspect(name)) or (
            isinstance(value, str) and name not in _IDENTIFIERS and _is_suspicious(value)
        ):
            return True
    return False


def _is_suspicious(text: str) -> bool:
    return (len(text) >= _SHORTEST or "@" in text) and has_credentials(text[:_LONGEST])


@lru_cache(maxsize=4096)
def _is_suspect(name: str) -> bool:
    return is_always_secret(name) or name in _secret_fields()


@cache
def _secret_fields() -> frozenset[str]:
    """Return the names of the fields that openmetadata-ingestion's schemas mark as secret."""
    return frozenset(schemas.newest().names_of(schemas.SECRET))


def _or_encrypted(name: object) -> str:
    """Return how a value is encrypted for a pipeline; nothing for defaults, whose values can't be."""
    if not isinstance(name, str) or not names_a_dag(name):
        return ""
    command = f"airflow openmetadata-dag-factory encrypt --dag-id {clean_dag_id(name)}"
    return f"; outside of {DEFAULTS} also what `{command}` prints"


def _values(document: Document) -> Iterator[_Value]:
    """Yield all values of a document, mappings and lists too, but for references and what they hold."""
    known = schemas.fields(schemas.PIPELINE)
    # The source config last, since it may have more values than are looked at.
    for name in sorted(document, key=lambda name: name == "sourceConfig"):
        is_of_dag = name in DAG_FIELDS and name != _DESCRIPTION
        yield from _with_inner(_Value(document[name], name, known.get(name), name, is_of_dag))


def _with_inner(outer: _Value) -> Iterator[_Value]:
    if is_reference(outer.value):
        return
    yield outer
    if isinstance(outer.value, dict):
        fit = schemas.fitting(outer.kind, outer.value)
        known = schemas.fields(fit)
        for name, child in outer.value.items():
            # The schemas don't know the keys of a free mapping, so there the names count.
            yield from _with_inner(
                outer._replace(value=child, field=f"{outer.field}.{name}", kind=known.get(name), name=name)
            )
    elif isinstance(outer.value, list):
        fit = schemas.fitting(outer.kind, outer.value)
        kind = fit.get("list") if isinstance(fit, dict) else None
        # There may be thousands of filters and names, which are not secret.
        for index, child in enumerate(outer.value if kind != schemas.TEXT else ()):
            yield from _with_inner(outer._replace(value=child, field=f"{outer.field}.{index}", kind=kind))


def _judged(found: _Value) -> str | None:
    """Return what is wrong with a text or a number, None for any other value, and where it is harmless."""
    value, kind, name = found.value, found.kind, found.name
    is_readable = found.is_of_dag and kind is not None
    if isinstance(value, (dict, list)) or not may_be_secret(value) or is_readable or name in _CERTIFICATES:
        return None
    text = str(value)
    if not (is_always_secret(name) if kind in (None, schemas.ANY) else _is_secret(kind, value)):
        is_searched = isinstance(value, str) and len(value) <= _LONGEST and not text.lstrip().startswith(_CERTIFICATE)
        return "holds a secret in the clear" if is_searched and has_credentials(text) else None
    if _MASK.fullmatch(text):
        return "is what OpenMetadata shows in place of a secret, and not the secret"
    if is_variable(text):
        return "is used literally: no variable is replaced in it"
    return None if _ELSEWHERE.fullmatch(text) else "is a secret in the clear"


def _is_secret(kind: Kind, value: object) -> bool:
    return bool(schemas.fitting(kind, value) == schemas.SECRET)
