"""Documents: how a config file is read into a mapping, and what that may hold."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Any, TypeGuard

from dag_factory.configs.json_loader import load_json
from dag_factory.configs.yaml_loader import MAX_DEPTH, load_yaml
from dag_factory.errors import ConfigError
from dag_factory.portable.secrets.references import check_reference, is_reference

Document = dict[str, Any]

YAML_SUFFIXES = frozenset({".yaml", ".yml"})
SUFFIXES = YAML_SUFFIXES | {".json"}

MAX_BYTES = 1024 * 1024
MAX_VALUES = 100_000
MAX_CHARACTERS = 2 * MAX_BYTES
MAX_INT = 2**64

# Databases refuse NUL in a text, and lone surrogates can't be encoded.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# Those whose values need no look of their own.
_MOST_KINDS = frozenset({bool, dict, list, str, type(None)})


def parse(data: bytes, key: str, *, may_be_empty: bool = False) -> Document:
    """
    Return the mapping that a config file holds.

    :param data: the file's content, UTF-8
    :param key: the config's key; its suffix says whether it is JSON or YAML
    :param may_be_empty: whether a YAML file that holds nothing, or only comments, is an empty mapping
    :raises ConfigError: where it is not a mapping, or holds what no DAG can; the message quotes nothing of the content
    """
    if len(data) > MAX_BYTES:
        raise ConfigError(f"is larger than {MAX_BYTES // 1024**2} MiB, too large for a pipeline's config")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"is not UTF-8 (byte {error.start}). Save it as UTF-8") from None
    try:
        value = load_yaml(text) if PurePosixPath(key).suffix.lower() in YAML_SUFFIXES else load_json(text)
    except RecursionError:
        raise ConfigError("is nested too deeply. Split it into several pipelines") from None
    if value is None and may_be_empty:
        return {}
    if value is None:
        raise ConfigError("is not a mapping of fields to values: it is empty. Write a pipeline, or remove the file")
    if isinstance(value, list):
        raise ConfigError(
            "is not a mapping of fields to values: it is a list. Write one pipeline per file, without the list"
        )
    if not isinstance(value, dict) or is_reference(value):
        raise ConfigError("is not a mapping of fields to values. A pipeline is one such mapping")
    check_values(value)
    return value


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> Document:
    """Return ``over`` merged over ``base``: mappings are merged, any other value (a reference too) replaces."""
    merged = dict(base)
    for name, value in over.items():
        below = merged.get(name)
        merged[name] = merge(below, value) if _is_plain_mapping(below) and _is_plain_mapping(value) else value
    return merged


def _is_plain_mapping(value: object) -> TypeGuard[Document]:
    return isinstance(value, dict) and not is_reference(value)


def mapping_at(document: Mapping[str, Any], *path: str) -> Mapping[str, Any] | None:
    """Return the mapping that a document holds at a path, None where that is missing, a reference or another value."""
    mapping = document
    for name in path:
        value = mapping.get(name)
        if not _is_plain_mapping(value):
            return None
        mapping = value
    return mapping


def check_values(document: Document) -> None:
    """
    Check that Airflow's database can store a document, and that its references are well-formed.

    :raises ConfigError: for the first field that is wrong
    """
    # Each parse checks all documents, and hardly any is wrong. So paths are made only for one that may be.
    with suppress(ConfigError):
        if _is_harmless(document):
            return
    characters = 0
    for count, (path, value) in enumerate(_walk(document, ())):
        # A long text that YAML's aliases repeat takes memory only once the document is written out.
        if isinstance(value, str):
            characters += len(value)
        elif isinstance(value, dict):
            characters += sum(len(str(key)) for key in value)
        if count >= MAX_VALUES or len(path) > MAX_DEPTH or characters > MAX_CHARACTERS:
            raise _too_much()
        if isinstance(value, dict):
            _check_keys(value, path)
        elif problem := _problem_of(value):
            raise ConfigError(problem, field=_dotted(path))


def _is_harmless(document: Document) -> bool:
    """
    Return whether nothing is wrong in a document, False also where that takes a closer look.

    :raises ConfigError: where a reference is malformed
    """
    texts: list[Any] = []
    level: list[Any] = [document]
    count = 0
    for _ in range(MAX_DEPTH):
        values: list[Any] = []
        for holder in level:
            if isinstance(holder, dict):
                if is_reference(holder):
                    check_reference(holder, field=None)
                texts += holder
                values += holder.values()
            else:
                values += holder
            # Of YAML's aliases, a level may be very many times as large as the one above.
            if count + len(values) + 1 >= MAX_VALUES:
                return False
        count += len(values)
        if any(_problem_of(value) for value in values if type(value) not in _MOST_KINDS):
            return False
        texts += [value for value in values if isinstance(value, str)]
        level = [value for value in values if isinstance(value, (dict, list))]
        if not level:
            return _are_storable(texts)
    return False


def _are_storable(texts: list[Any]) -> bool:
    """Return whether these are texts, and a database can store all of them."""
    if not set(map(type, texts)) <= {str} or sum(map(len, texts)) > MAX_CHARACTERS:
        return False
    return _UNSTORABLE.search("".join(texts)) is None


def _problem_of(value: object) -> str | None:
    """Return why a value other than a mapping can't travel on, None where it can."""
    if isinstance(value, str):
        unstorable = "holds a character that can't be stored (NUL, or one half of a surrogate pair). Remove it"
        return unstorable if _UNSTORABLE.search(value) else None
    if isinstance(value, float):
        return None if math.isfinite(value) else "is not a finite number. Write digits alone"
    if isinstance(value, int):
        too_large = "is a number that is too large. Write a smaller one, or put it in quotes"
        return too_large if abs(value) > MAX_INT else None
    is_known = value is None or isinstance(value, list)
    return None if is_known else "is of a kind that JSON does not know. Put it in quotes"


def _check_keys(value: dict[Any, Any], path: tuple[object, ...]) -> None:
    if not all(isinstance(key, str) and not _UNSTORABLE.search(key) for key in value):
        raise ConfigError("has a key that is not a text. Put it in quotes", field=_dotted(path))
    if is_reference(value):
        check_reference(value, field=_dotted(path))


def _too_much() -> ConfigError:
    return ConfigError("holds too many values, or nests them too deeply. Split it into several pipelines")


def _walk(value: object, path: tuple[object, ...]) -> Iterator[tuple[tuple[object, ...], object]]:
    """Yield each value with its path, one by one: YAML's aliases can make very many of them from a few bytes."""
    yield path, value
    if isinstance(value, dict):
        for name, child in value.items():
            yield from _walk(child, (*path, name))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _walk(child, (*path, index))


def _dotted(path: tuple[object, ...]) -> str | None:
    return ".".join(str(part) for part in path) or None
