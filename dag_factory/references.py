"""
References: what may stand in place of any value of a document, and how it becomes that value in the worker.

- ``{"$env": "NAME"}``: an environment variable of the worker
- ``{"$connection": "conn_id", "field": "password"}``: a part of an Airflow Connection, so of any secrets backend
- ``{"$fernet": "…"}``: a text encrypted with Airflow's Fernet key; with ``"as": "number"`` beside it, a number

A value is replaced as a whole. Nothing is interpolated into texts, so a password may contain ``$``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dag_factory.errors import ConfigError, SettingsError

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from cryptography.fernet import MultiFernet

ENV = "$env"
CONNECTION = "$connection"
FERNET = "$fernet"
FORMS = frozenset({ENV, CONNECTION, FERNET})

# JSON has numbers, encryption has texts: beside a ``$fernet``, this says that its text stands for a number.
_AS = "as"
_NUMBER = "number"

_SHAPES = ({ENV}, {CONNECTION, "field"}, {FERNET}, {FERNET, _AS})

# Parts of a Connection that may be shown; password, extra and whatever comes are secrets.
_OPEN_PARTS = frozenset({"conn_type", "host", "login", "port", "schema"})
_PARTS = _OPEN_PARTS | {"extra", "password", "uri"}


def is_reference(value: object) -> bool:
    """Return whether a value stands for another one."""
    return isinstance(value, dict) and not FORMS.isdisjoint(value)


def check_reference(value: dict[str, Any], *, field: str | None) -> None:
    """
    Check a reference's form, not where it leads.

    :raises ConfigError: naming the field
    """
    if value.keys() not in _SHAPES:
        raise ConfigError(
            'is no reference. Write {"$env": "NAME"}, {"$connection": "conn_id", "field": "password"} '
            'or {"$fernet": "…"}, with nothing beside it',
            field=field,
        )
    if not all(isinstance(part, str) and part for part in value.values()):
        raise ConfigError("is a reference whose parts are no texts", field=field)
    if value.get(_AS, _NUMBER) != _NUMBER:
        raise ConfigError('is a reference to what is neither a text nor "as": "number"', field=field)


def references_in(value: Any, field: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each reference in a value with its dotted path, wherever it stands."""
    if isinstance(value, dict):
        if is_reference(value):
            yield field, value
            return
        for name, child in value.items():
            if isinstance(child, (dict, list)):
                yield from references_in(child, f"{field}.{name}" if field else name)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            if isinstance(child, (dict, list)):
                yield from references_in(child, f"{field}.{index}")


def resolve(
    value: Any,
    *,
    permit: Callable[[Mapping[str, Any], str], None],
    on_secret: Callable[[str], None],
    field: str = "",
) -> Any:
    """
    Return a value with every reference in it replaced by what it stands for. For the worker alone.

    :param permit: is asked of each reference and its field before it is followed, and raises where that is not allowed
    :param on_secret: is told each value that comes from a place for secrets, so that logs can be masked
    :raises ConfigError: where a reference leads nowhere; names field and reference, never a value
    """
    if isinstance(value, dict):
        if is_reference(value):
            permit(value, field)
        if ENV in value:
            return _from_environment(value[ENV], field)
        if CONNECTION in value:
            return _from_connection(value[CONNECTION], value["field"], field, on_secret)
        if FERNET in value:
            return _decrypted(value, field, on_secret)
        return {
            name: resolve(child, permit=permit, on_secret=on_secret, field=f"{field}.{name}" if field else name)
            for name, child in value.items()
        }
    if isinstance(value, list):
        return [
            resolve(child, permit=permit, on_secret=on_secret, field=f"{field}.{index}")
            for index, child in enumerate(value)
        ]
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

    :param field: where it is referred to
    :raises ConfigError: where there is no such Connection
    """
    from airflow.sdk import Connection

    from dag_factory.airflow_versions import AirflowNotFoundException

    try:
        found: Connection = Connection.get(conn_id)
    except AirflowNotFoundException:
        raise ConfigError(f"refers to the Connection '{conn_id}', which Airflow does not have", field=field) from None
    return found


def _from_connection(conn_id: str, part: str, field: str, on_secret: Callable[[str], None]) -> Any:
    connection = find_connection(conn_id, field=field)
    name, _, extra_key = part.partition(".")
    if name == "extra" and extra_key:
        extra = connection.extra_dejson
        found = extra.get(extra_key) if isinstance(extra, dict) else None
    elif part == "uri":
        found = connection.get_uri()
    elif part in _PARTS:
        found = getattr(connection, part)
    else:
        known = ", ".join(sorted(_PARTS))
        raise ConfigError(
            f"asks the Connection '{conn_id}' for a part it has not. Parts: {known}, extra.<key>", field=field
        )
    if found is None or found == "":
        raise ConfigError(f"refers to '{part}' of the Connection '{conn_id}', which is empty", field=field)
    if part not in _OPEN_PARTS:
        on_secret(str(found))
    return found


def encrypted(value: str | float) -> dict[str, str]:
    """
    Return a ``$fernet`` reference to a text or a number.

    :raises SettingsError: where Airflow has no Fernet key to encrypt with
    """
    fernet = _fernet()
    if fernet is None:
        raise SettingsError(
            "[core] fernet_key is empty, so secrets can't be encrypted. Set it, the same for API server and workers"
        )
    text = value if isinstance(value, str) else json.dumps(value)
    reference = {FERNET: fernet.encrypt(text.encode()).decode()}
    return reference if isinstance(value, str) else {**reference, _AS: _NUMBER}


def decrypted(value: Any) -> Any:
    """
    Return a value with every ``$fernet`` reference in it resolved, and the others left.

    :raises ConfigError: where one can't be decrypted
    """
    if isinstance(value, dict):
        if FERNET in value:
            return _decrypted(value, "", lambda _: None)
        return {name: decrypted(child) for name, child in value.items()}
    return [decrypted(child) for child in value] if isinstance(value, list) else value


def _decrypted(reference: dict[str, str], field: str, on_secret: Callable[[str], None]) -> str | float:
    from cryptography.fernet import InvalidToken

    fernet = _fernet()
    if fernet is None:
        raise ConfigError("is encrypted, but the worker has no [core] fernet_key. Give it Airflow's", field=field)
    try:
        text = fernet.decrypt(reference[FERNET]).decode()
    except (InvalidToken, ValueError):
        raise ConfigError(
            "can't be decrypted with [core] fernet_key. Keep the old key behind the new one when you rotate",
            field=field,
        ) from None
    on_secret(text)
    return _number(text, field) if _AS in reference else text


def _number(text: str, field: str) -> float:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, (int, float)) or isinstance(found, bool):
        raise ConfigError('is encrypted, "as": "number", and is none. Leave that out for a text', field=field)
    return found


def _fernet() -> MultiFernet | None:
    from airflow.configuration import conf
    from cryptography.fernet import Fernet, MultiFernet

    keys = [key.strip() for key in conf.get("core", "fernet_key", fallback="").split(",") if key.strip()]
    try:
        return MultiFernet([Fernet(key) for key in keys]) if keys else None
    except ValueError:
        raise SettingsError("[core] fernet_key is none. Make one as Airflow's documentation says") from None
