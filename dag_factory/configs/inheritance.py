"""What a document inherits from the defaults of its folder, and what it may not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeGuard

from dag_factory.configs.allowed import SERVER, TOKEN_FIELDS
from dag_factory.configs.document import Document, merge
from dag_factory.errors import ConfigError
from dag_factory.portable.secrets.names import is_secret_name, plain
from dag_factory.portable.secrets.references import FERNET, is_reference, references_in
from dag_factory.portable.secrets.shown_names import shown_name

DEFAULTS = "defaults.yaml"
DEFAULTS_NAMES = (DEFAULTS, "defaults.yml")
"""The names of a folder's defaults, of which it may have one."""

# A field whose name ends in one of these names a server.
_SERVERS = ("host", "hostport", "url", "uri", "endpoint", "server", "domain", "address", "proxy")
# The secret fields of the connection to OpenMetadata. Its certificates are not secret.
_TOKENS = frozenset(TOKEN_FIELDS).__contains__
_NOTHING: Any = object()


def check_defaults(defaults: Document) -> None:
    """
    Check what stands in a file of defaults.

    :raises ConfigError: for an encrypted value, which works for one DAG only
    """
    for field, reference in references_in(defaults):
        if FERNET in reference:
            raise ConfigError(
                "is encrypted, but an encrypted value works for one DAG only. Write a $connection or an $env instead",
                field=field,
            )


def merge_over_defaults(defaults: Document, own: Document) -> Document:
    """
    Return a document merged over defaults.

    A secret is for the server that is named beside it: an author must not be able to send a secret of the defaults to
    another server instead.

    :raises ConfigError: where that would happen
    """
    for name, child in own.items():
        _check_way(defaults.get(name), child, name)
    return merge(defaults, own)


def check_override(config: Document, override: Document, field: str) -> None:
    """
    Check what overrides top-level keys of a config for one run: it must not send the config's secrets elsewhere.

    :raises ConfigError: where a key names another server than the config, and a secret of the config stays beside it
    """
    flat = {name: None if isinstance(value, dict) else value for name, value in override.items()}
    _check_way(config, flat, field, whose="the config")


def _check_way(defaults: object, own: object, field: str, *, whose: str = DEFAULTS) -> None:
    """Check each mapping that is merged: one that names another server must override all secrets beside it."""
    if not _is_mapping(defaults) or not _is_mapping(own):
        return
    is_secret = _TOKENS if field == SERVER else is_secret_name
    for name, value in own.items():
        names_server = plain(name).endswith(_SERVERS) and _url(value) != _url(defaults.get(name))
        if names_server and any(_inherits(child, own, key, is_secret) for key, child in defaults.items()):
            secret = f"{SERVER}.securityConfig" if field == SERVER else "your own value for each secret"
            raise ConfigError(
                f"names another server than {whose} does, so the secrets of {whose} would be sent there. "
                f"Write {secret} beside it, or remove '{shown_name(name)}'",
                field=f"{field}.{name}",
            )
        _check_way(defaults.get(name), value, f"{field}.{name}")


def _inherits(default: object, own: Document, name: str, is_secret: Callable[[str], bool]) -> bool:
    """Return whether a secret of the defaults is still there when a document is merged over them."""
    over = own.get(name, _NOTHING)
    if over is not _NOTHING and not (_is_mapping(default) and _is_mapping(over)):
        return False  # replaced
    if _is_mapping(default):
        everything = is_secret(name)
        within = {} if over is _NOTHING else over
        return any(_inherits(child, within, key, _any if everything else is_secret) for key, child in default.items())
    return bool(default) and is_secret(name)


def _is_mapping(value: Any) -> TypeGuard[Document]:
    return isinstance(value, dict) and not is_reference(value)


def _any(_: str) -> bool:
    return True


def _url(value: object) -> object:
    return value.rstrip("/") if isinstance(value, str) else value
