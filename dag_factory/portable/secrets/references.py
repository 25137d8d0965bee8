"""
References: what a document may hold in place of any value, and how the worker resolves it.

- ``{"$env": "NAME"}``: an environment variable of the worker
- ``{"$connection": "conn_id", "field": "password"}``: a part of an Airflow Connection, from any secrets backend
- ``{"$fernet": "…"}``: a text that is encrypted for this one DAG; with ``"as": "number"`` beside it, a number

A value is replaced as a whole. Nothing is interpolated into texts, so a password may contain ``$``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dag_factory.errors import ConfigError, MissingConnectionError
from dag_factory.portable.secrets.sealing import Keys, UnsealError

if TYPE_CHECKING:
    from airflow.sdk import Connection

ENV = "$env"
CONNECTION = "$connection"
FERNET = "$fernet"
FORMS = frozenset({ENV, CONNECTION, FERNET})

# Only texts can be encrypted: beside a ``$fernet``, this says that its text stands for a number.
_AS = "as"
_NUMBER = "number"

_SHAPES = ({ENV}, {CONNECTION, "field"}, {FERNET}, {FERNET, _AS})

# Parts of a Connection that may be shown. All others are secrets, also those that Airflow may add.
_OPEN_PARTS = frozenset({"conn_type", "host", "login", "port", "schema"})
PARTS = _OPEN_PARTS | {"extra", "password", "uri"}


def is_part(name: str) -> bool:
    """Return whether a Connection can have a part of this name; its extra can have any key."""
    return name in PARTS or (name.startswith("extra.") and name != "extra.")


def is_reference(value: object) -> bool:
    """Return whether a value is a reference, be it a malformed one."""
    return isinstance(value, dict) and not FORMS.isdisjoint(value)


def check_reference(value: dict[str, Any], *, field: str | None) -> None:
    """
    Check a reference's form, not where it leads.

    :raises ConfigError: where it is malformed
    """
    if value.keys() not in _SHAPES:
        raise ConfigError(
            'is not a reference. Write {"$env": "NAME"}, {"$connection": "conn_id", "field": "password"} '
            'or {"$fernet": "…"}, with nothing beside it',
            field=field,
        )
    if not all(isinstance(part, str) and part for part in value.values()):
        raise ConfigError("is a reference with a part that is not a text, or is empty. Write a text there", field=field)
    if value.get(_AS, _NUMBER) != _NUMBER:
        raise ConfigError('is a reference with an unknown "as". Write "as": "number", or remove it', field=field)


def references_in(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each reference in a value with its dotted path, wherever it stands."""
    return ((field, mapping) for field, mapping in mappings_in(value) if is_reference(mapping))


def mappings_in(value: Any, field: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each mapping in a value with its dotted path: references too, but not what they hold."""
    if isinstance(value, dict):
        yield field, value
        if is_reference(value):
            return
        for name, child in value.items():
            if isinstance(child, (dict, list)):
                yield from mappings_in(child, f"{field}.{name}" if field else name)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            if isinstance(child, (dict, list)):
                yield from mappings_in(child, f"{field}.{index}")


def resolve(
    value: Any,
    dag_id: str,
    *,
    keys: Keys,
    permit: Callable[[Mapping[str, Any], str], None],
    on_secret: Callable[[str], None],
) -> Any:
    """
    Return a value with every reference in it replaced by what it stands for. For the worker only.

    :param dag_id: of the config that the value is from
    :param permit: called with each reference and its field before it is followed; raises where that is not allowed
    :param on_secret: called with each secret of a Connection or of an encrypted value, so that logs can be masked. Not
        with the values of ``$env``
    :raises ConfigError: where a reference can't be resolved; names field and reference, never a value
    """

    def follow(reference: dict[str, Any], field: str) -> Any:
        permit(reference, field)
        if ENV in reference:
            return _from_environment(reference[ENV], field)
        if CONNECTION in reference:
            return _from_connection(reference[CONNECTION], reference["field"], field, on_secret)
        found = _unsealed(reference, dag_id, keys, field)
        on_secret(found if isinstance(found, str) else json.dumps(found))
        return found

    return _replaced(value, follow, "")


def _replaced(value: Any, follow: Callable[[dict[str, Any], str], Any], field: str) -> Any:
    """Return a value with each reference in it replaced by what ``follow`` returns."""
    if isinstance(value, dict):
        if is_reference(value):
            return follow(value, field)
        return {name: _replaced(child, follow, f"{field}.{name}" if field else name) for name, child in value.items()}
    if isinstance(value, list):
        return [_replaced(child, follow, f"{field}.{index}") for index, child in enumerate(value)]
    return value


def _from_environment(name: str, field: str) -> str:
    try:
        return os.environ[name]
    except KeyError:
        raise ConfigError(
            f"refers to the environment variable '{name}', which the worker does not have. Set it there", field=field
        ) from None


def find_connection(conn_id: str, *, field: str) -> Connection:
    """
    Return a Connection of Airflow, from any of its secrets backends.

    :param field: the field that refers to it
    :raises MissingConnectionError: where Airflow does not find it
    """
    from airflow.sdk import Connection

    from dag_factory.settings.airflow_versions import AirflowNotFoundException

    try:
        found: Connection = Connection.get(conn_id)
    except AirflowNotFoundException:
        raise MissingConnectionError(
            f"refers to the Connection '{conn_id}', which Airflow does not find. Create it, name another one, or check "
            "whether its secrets backend answers",
            field=field,
        ) from None
    return found


def _from_connection(conn_id: str, part: str, field: str, on_secret: Callable[[str], None]) -> Any:
    connection = find_connection(conn_id, field=field)
    name, _, extra_key = part.partition(".")
    if name == "extra" and extra_key:
        extra = connection.extra_dejson
        found = extra.get(extra_key) if isinstance(extra, dict) else None
    elif part == "uri":
        found = connection.get_uri()
    elif part in PARTS:
        found = getattr(connection, part)
    else:
        known = ", ".join(sorted(PARTS))
        raise ConfigError(
            f"refers to an unknown part of the Connection '{conn_id}'. Write one of {known}, extra.<key>", field=field
        )
    if found is None or found == "":
        raise ConfigError(
            f"refers to '{part}' of the Connection '{conn_id}', which is empty. Fill it in, or name another part",
            field=field,
        )
    if part not in _OPEN_PARTS:
        on_secret(str(found))
    return found


def encrypted(value: str | float, dag_id: str, keys: Keys) -> dict[str, str]:
    """
    Return a ``$fernet`` reference to a text or a number, for the config of one DAG.

    :raises SettingsError: where Airflow has no Fernet key to encrypt with
    """
    text = value if isinstance(value, str) else json.dumps(value)
    reference = {FERNET: keys.seal(text, dag_id)}
    return reference if isinstance(value, str) else {**reference, _AS: _NUMBER}


def decrypted(value: Any, dag_id: str, keys: Keys) -> Any:
    """
    Return a value with every ``$fernet`` reference in it resolved; other references stay as they are.

    :raises ConfigError: where one can't be decrypted
    """

    def follow(reference: dict[str, Any], field: str) -> Any:
        return _unsealed(reference, dag_id, keys, field) if FERNET in reference else reference

    return _replaced(value, follow, "")


def resealed(value: Any, dag_id: str, keys: Keys) -> Any:
    """
    Return a value with every ``$fernet`` reference in it encrypted with the newest key, unless it already is.

    :raises ConfigError: where one can't be decrypted
    """

    def follow(reference: dict[str, Any], field: str) -> Any:
        if FERNET not in reference:
            return reference
        found = _unsealed(reference, dag_id, keys, field)
        return reference if keys.is_newest(reference[FERNET]) else encrypted(found, dag_id, keys)

    return _replaced(value, follow, "")


def is_sealed_newly(value: Any, keys: Keys) -> bool:
    """Return whether every ``$fernet`` reference in a value says that it is encrypted with the newest key."""
    return all(keys.is_newest(found[FERNET]) for _, found in references_in(value) if FERNET in found)


def _unsealed(reference: dict[str, str], dag_id: str, keys: Keys, field: str) -> str | float:
    try:
        text = keys.unseal(reference[FERNET], dag_id)
    except UnsealError as error:
        raise ConfigError(str(error), field=field or None) from None
    return _number(text, field) if _AS in reference else text


def _number(text: str, field: str) -> float:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, (int, float)) or isinstance(found, bool):
        raise ConfigError('is encrypted as "number", but is not a number. For a text, remove "as"', field=field)
    return found
