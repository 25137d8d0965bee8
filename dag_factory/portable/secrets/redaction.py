"""Which values of a document are secret, and how they are hidden from people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dag_factory.portable.secrets import shown_names
from dag_factory.portable.secrets.detection import is_plain_words, secrets_in
from dag_factory.portable.secrets.names import is_secret_name, is_secret_place
from dag_factory.portable.secrets.references import FERNET, is_reference

HIDDEN = shown_names.HIDDEN

# In a list of headers, properties or variables, one field holds the name and another the value.
_PAIR_NAMES = frozenset({"key", "name"})
_PAIR_VALUES = frozenset({"value", "values"})


def is_secret(name: str, value: object = None) -> bool:
    """Return whether a field holds a secret, judged by its name and, if given, its value."""
    return is_secret_name(name) or (isinstance(value, str) and next(secrets_in(value), None) is not None)


def redact(value: Any, name: str = "") -> Any:
    """Return a value with every secret in it replaced by ``***``. References stay readable: they are no secrets."""
    if is_reference(value):
        return {FERNET: HIDDEN} if FERNET in value else value
    if is_secret(name, value) or is_secret_place(name):
        return value if value is None or isinstance(value, bool) else HIDDEN
    if isinstance(value, dict):
        names = names_in(value, name)
        return {key: redact(child, names[key]) for key, child in value.items()}
    if isinstance(value, list):
        return [redact(child) for child in value]
    return value


def redact_beginning(text: str, longest: int) -> str:
    """
    Return the first ``2 * longest`` characters of a text, or ``***`` where they contain a secret.

    The rest is not searched: that takes seconds for a text of a megabyte, and a parse of all DAGs has thirty.

    :param longest: how many characters are shown
    """
    return str(redact(text[: 2 * longest]))


def secret_values(value: Any, name: str = "", *, is_in_place: bool = False) -> Iterator[str]:
    """
    Yield the text of every secret within a value, numbers included, so that logs can be masked.

    :param is_in_place: whether it stands where any text but plain words counts as a secret
    """
    is_in_place = is_in_place or is_secret_place(name)
    if isinstance(value, Mapping):
        names = names_in(value, name)
        for key, child in value.items():
            yield from _secrets_in_name(key)
            yield from secret_values(child, names[key], is_in_place=is_in_place)
    elif isinstance(value, list):
        for child in value:
            yield from secret_values(child, name, is_in_place=is_in_place)
    elif may_be_secret(value):
        text = str(value)
        if is_secret(name, value) or (is_in_place and not is_plain_words(text)):
            yield text
            # A part of it may be printed without the rest, such as the password of a URL.
            yield from dict.fromkeys(part for part in secrets_in(text) if part != text)


def _secrets_in_name(name: str) -> Iterator[str]:
    """Yield what is secret in a name: a token that was written as one, and the value of a field without a space."""
    yield from dict.fromkeys(secrets_in(name))
    field, _, value = name.partition(":")
    if value and is_secret_name(field):
        yield value


def encrypt(value: Any, encrypted: Callable[[str | float], Any], name: str = "", *, by_value: bool = True) -> Any:
    """
    Return a value with every secret text and number in it replaced; references stay as they are.

    :param encrypted: returns what replaces a text or a number
    :param by_value: whether a text is judged by its form too, not only by the names of its fields
    """
    if is_reference(value):
        return value
    if isinstance(value, dict):
        names = dict.fromkeys(value, name) if is_secret_place(name) else names_in(value, name)
        return {key: encrypt(child, encrypted, names[key], by_value=by_value) for key, child in value.items()}
    if isinstance(value, list):
        return [encrypt(child, encrypted, name, by_value=by_value) for child in value]
    is_hidden = is_secret(name, value if by_value else None) or is_secret_place(name)
    return encrypted(value) if is_hidden and may_be_secret(value) else value


def may_be_secret(value: object) -> bool:
    """Return whether a value could be a secret: a number, or a text that is not empty."""
    return isinstance(value, (str, int, float)) and not isinstance(value, bool) and value != ""


def names_in(fields: Mapping[str, Any], name: str) -> dict[str, str]:
    """Return the name by which each field of a mapping is judged. Everything within a secret is secret too."""
    if is_secret(name):
        return dict.fromkeys(fields, name)
    said = next((given for key, given in fields.items() if key.lower() in _PAIR_NAMES and isinstance(given, str)), "")
    if not is_secret(said):
        said = ""
    return {key: said if said and key.lower() in _PAIR_VALUES else key for key in fields}
