"""What is fuzzed, and what must hold whatever the input is."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import yaml
from cryptography.fernet import Fernet

from dag_factory.configs.document import Document, parse
from dag_factory.errors import ConfigError
from dag_factory.portable.secrets.redaction import encrypt, redact, secret_values
from dag_factory.portable.secrets.references import is_reference

os.environ.setdefault("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
FORM = "$fernet"


def as_yaml(document: Document) -> bytes:
    return yaml.safe_dump(document, allow_unicode=True).encode()


def read(data: bytes) -> Document | None:
    """Return the document that the input is, None where it is refused."""
    try:
        return parse(data[1:], "a.yaml" if data[:1] > b"\x00" else "a.json")
    except ConfigError as error:
        assert str(error)
        assert "\n" not in str(error)
        return None


def document(data: bytes) -> None:
    """Any bytes are a mapping that JSON can carry, the same each time, or a ConfigError."""
    found = read(data)
    if found is None:
        assert read(data) is None
        return
    text = json.dumps(found, allow_nan=False, ensure_ascii=False)
    text.encode()
    assert json.loads(text) == found
    assert read(data) == found
    # What was read from YAML is read from JSON as the same.
    assert parse(text.encode(), "a.json") == found


def secrets(data: bytes) -> None:
    """No secret that is found is left after it was redacted or sealed, and what was sealed can be opened again."""
    found = read(data)
    if found is None:
        return
    sealed: dict[str, Any] = {}

    def seal(value: str | float) -> dict[str, str]:
        sealed[f"sealed {len(sealed)}"] = value
        return {FORM: f"sealed {len(sealed) - 1}"}

    hidden, at_rest = redact(found), encrypt(found, seal)
    assert redact(hidden) == hidden
    assert opened(at_rest, sealed) == found
    # What is left to be found is nothing but what stands for it, and references that were there.
    assert all(value in ("***",) or "***" in value for value in secret_values(hidden)), list(secret_values(hidden))
    assert not list(secret_values(without_references(at_rest))), list(secret_values(without_references(at_rest)))


def opened(value: Any, sealed: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        if value.keys() == {FORM} and value[FORM] in sealed:
            return sealed[value[FORM]]
        return {name: opened(child, sealed) for name, child in value.items()}
    return [opened(child, sealed) for child in value] if isinstance(value, list) else value


def without_references(value: Any) -> Any:
    if is_reference(value):
        return None
    if isinstance(value, dict):
        return {name: without_references(child) for name, child in value.items()}
    return [without_references(child) for child in value] if isinstance(value, list) else value


TARGETS: dict[str, Callable[[bytes], None]] = {"document": document, "secrets": secrets}
