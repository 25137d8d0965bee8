"""What an archive holds of a config's file: the file, or the same document with secrets encrypted or left out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import yaml

from dag_factory.configs.at_rest import sealed
from dag_factory.configs.document import YAML_SUFFIXES, Document, parse
from dag_factory.errors import ConfigError
from dag_factory.portable.secrets.detection import secrets_in
from dag_factory.portable.secrets.names import is_secret_name
from dag_factory.portable.secrets.references import FERNET, encrypted, is_reference, references_in
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.portable.secrets.shown_names import shown_field

# Stands where a secret is to be left out. No document can hold it.
_GONE = object()
_COMMENT = re.compile(r"(?:^|\s)#(.*)$", re.MULTILINE)
# No two parts side by side match the same characters: the time for a comment is linear in its length.
_FIELD_IN_COMMENT = re.compile(r"[#\s]*(?:-\s*)?[\"']?([\w.-]{1,64})[\"']?\s*:\s*\S")


@dataclass(frozen=True)
class Portable:
    """
    A config's file as an archive holds it.

    :param encrypted: the fields whose values it holds encrypted, which the file has in the clear
    :param left_out: the fields that it does not hold
    :param is_rewritten: whether it is not the file itself, so that a YAML's comments are gone
    """

    data: bytes
    encrypted: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    is_rewritten: bool = False


def with_sealed_secrets(data: bytes, key: str, dag_id: str | None, keys: Keys) -> Portable:
    """
    Return a file with each secret encrypted for its DAG, the file itself where all are.

    :param dag_id: of the config; None for defaults, which can't hold encrypted values: there secrets are left out
    :raises ConfigError: where it can't be read or written
    :raises SettingsError: where there is a secret, and no key to encrypt it with
    """
    if dag_id is None:
        return _changed(data, key, lambda _: _GONE)
    return _changed(data, key, lambda value: encrypted(value, dag_id, keys))


def without_secrets(data: bytes, key: str) -> Portable:
    """
    Return a file without its secrets, the encrypted ones included: a reference is not a secret.

    :raises ConfigError: where it can't be read or written
    """
    document = parse(data, key, may_be_empty=True)
    fernets = [shown_field(field) for field, found in references_in(document) if FERNET in found]
    if not fernets:
        return _changed(data, key, lambda _: _GONE)
    found = _changed(_written(_without(document, _is_fernet), key), key, lambda _: _GONE)
    return Portable(found.data, left_out=(*fernets, *found.left_out), is_rewritten=True)


def _changed(data: bytes, key: str, seal: Callable[[str | float], Any]) -> Portable:
    document = parse(data, key, may_be_empty=True)
    made: list[Any] = []

    def collect(value: str | float) -> Any:
        made.append(seal(value))
        return made[-1]

    found = sealed(document, collect)
    if not made:
        if not _comments_tell(data, key):
            return Portable(data)
        return Portable(_written(document, key), is_rewritten=True)
    identities = {id(each) for each in made}
    fields = tuple(map(shown_field, _places(found, lambda value: id(value) in identities)))
    if made[0] is _GONE:
        return Portable(
            _written(_without(found, lambda value: value is _GONE), key), left_out=fields, is_rewritten=True
        )
    return Portable(_written(found, key), encrypted=fields, is_rewritten=True)


def _comments_tell(data: bytes, key: str) -> bool:
    """Return whether a comment of a YAML file looks like a secret, such as a password that was replaced."""
    if PurePosixPath(key).suffix.lower() not in YAML_SUFFIXES:
        return False
    comments = (found[1] for found in _COMMENT.finditer(data.decode("utf-8-sig")))
    return any(_tells(comment) for comment in comments)


def _tells(comment: str) -> bool:
    field = _FIELD_IN_COMMENT.match(comment)
    return (field is not None and is_secret_name(field[1])) or next(secrets_in(comment), None) is not None


def _written(document: Document, key: str) -> bytes:
    """
    Return a document as a file of its kind.

    :raises ConfigError: where a config can't be as large as that
    """
    as_json = json.dumps(document, indent=2, ensure_ascii=False).encode()
    if PurePosixPath(key).suffix.lower() in YAML_SUFFIXES:
        as_yaml = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120).encode()
        # JSON is YAML too, should a text look like something else in the YAML of another version.
        if _is(document, as_yaml, key):
            return as_yaml
    if not _is(document, as_json, key):
        raise ConfigError("can't be written with its secrets encrypted or left out: it becomes too large. Split it")
    return as_json


def _is(document: Document, data: bytes, key: str) -> bool:
    try:
        return parse(data, key, may_be_empty=True) == document
    except ConfigError:
        return False


def _without(value: Any, is_gone: Callable[[Any], bool]) -> Any:
    if isinstance(value, dict) and not is_reference(value):
        return {name: _without(child, is_gone) for name, child in value.items() if not is_gone(child)}
    if isinstance(value, list):
        return [_without(child, is_gone) for child in value if not is_gone(child)]
    return value


def _places(value: Any, is_meant: Callable[[Any], bool], field: str = "") -> list[str]:
    if is_meant(value):
        return [field]
    if isinstance(value, dict):
        return [
            place
            for name, child in value.items()
            for place in _places(child, is_meant, f"{field}.{name}" if field else name)
        ]
    if isinstance(value, list):
        return [place for index, child in enumerate(value) for place in _places(child, is_meant, f"{field}.{index}")]
    return []


def _is_fernet(value: Any) -> bool:
    return isinstance(value, dict) and FERNET in value
