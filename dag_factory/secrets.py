"""Secrets: which values of a document are one, and how they are hidden from people."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dag_factory.references import FERNET, is_reference

HIDDEN = "***"

# A field whose name, without case and separators, contains one of these holds a secret. The list covers every field
# that openmetadata-ingestion's schemas mark as one (a test compares), and what people put into free-form mappings.
_SECRET_NAMES = (
    "accesskey", "apikey", "authentication", "authorization", "authstring", "basicauthuserinfo", "botsecret",
    "cacert", "certificate", "certvalue", "connectionstring", "cookie", "credential", "headers", "jwt", "passphrase",
    "passwd", "password", "privateconfig", "privatekey", "pwd", "secret", "signature", "sslkey", "token",
)  # fmt: skip

# Values that give themselves away, whatever their field is called.
_SECRET_VALUES = re.compile(
    r"""
    eyJ[\w-]{8,}\.[\w-]+            # a JSON web token
    | -----BEGIN\ [A-Z ]+-----      # a PEM block
    | ://\S*@                       # an URL with a user, so maybe with a password or a token
    | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b # an AWS access key
    | \b(?:password|pwd|token|secret)\s*= # a connection string
    """,
    re.VERBOSE | re.IGNORECASE,
)

_PASSWORD_IN_URL = re.compile(r"://[^/\s:@]*:(?P<password>\S+)@")


def is_secret(name: str, value: object = None) -> bool:
    """Return whether a field holds a secret, to judge by its name and, if given, its value."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    if any(part in plain for part in _SECRET_NAMES):
        return True
    return isinstance(value, str) and _SECRET_VALUES.search(value) is not None


def redact(value: Any, name: str = "") -> Any:
    """Return a value with every secret in it replaced by ``***``. References stay readable: they are no secrets."""
    if is_reference(value):
        return {FERNET: HIDDEN} if FERNET in value else value
    if is_secret(name, value):
        return value if value is None or isinstance(value, bool) else HIDDEN
    if isinstance(value, dict):
        return {key: redact(child, key) for key, child in value.items()}
    if isinstance(value, list):
        return [redact(child) for child in value]
    return value


def secret_values(value: Any, name: str = "") -> Iterator[str]:
    """Yield the text of every secret within a value, so that logs can be masked."""
    if isinstance(value, Mapping):
        for key, child in value.items():
            # All that stands within a secret, such as `credentials`, is secret as well.
            yield from secret_values(child, name if is_secret(name) else key)
    elif isinstance(value, list):
        for child in value:
            yield from secret_values(child, name)
    elif isinstance(value, str) and value and is_secret(name, value):
        yield value
        if within := _PASSWORD_IN_URL.search(value):
            yield within["password"]


def encrypt(value: Any, encrypted: Callable[[str], dict[str, str]], name: str = "", *, by_value: bool = True) -> Any:
    """
    Return a value with every secret text in it replaced by a reference; those that are references stay.

    :param encrypted: makes the reference to a text
    :param by_value: whether a text is judged by what it looks like too, and not by the names of its fields alone
    """
    if is_reference(value):
        return value
    if isinstance(value, dict):
        names = {key: name if is_secret(name) else key for key in value}
        return {key: encrypt(value[key], encrypted, names[key], by_value=by_value) for key in value}
    if isinstance(value, list):
        return [encrypt(child, encrypted, name, by_value=by_value) for child in value]
    is_hidden = isinstance(value, str) and value and is_secret(name, value if by_value else None)
    return encrypted(value) if is_hidden else value
