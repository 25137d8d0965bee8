"""Which version of a config has a run used?"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from dag_factory.configs.at_rest import without_secrets
from dag_factory.configs.document import Document
from dag_factory.portable.plain_text import cut, one_line
from dag_factory.portable.secrets.redaction import redact
from dag_factory.store.config import Config

CONFIG_XCOM = "config"
"""The XCom by which a task says it."""

_LONGEST = 300
# To look for secrets in a longer one takes a second and more, and the docs of a broken config ask at each parse.
_LONGEST_DOCUMENT = 200_000


def config_version(config: Config) -> dict[str, Any]:
    """
    Return what identifies a version of a config, in plain values.

    ``digest`` covers the document with the defaults of its folders, except for what may be secret, which could be
    guessed from it: see `dag_factory.configs.at_rest`. A document of more than 200,000 characters has no digest.
    ``version`` and ``updatedAt`` (epoch milliseconds) are OpenMetadata's, if it has given any.
    """
    document = config.document
    found = {
        "key": config.key,
        "digest": _digest(document),
        "version": document.get("version"),
        "updatedAt": document.get("updatedAt"),
    }
    plain = {name: value for name, value in found.items() if isinstance(value, (str, int, float))}
    return {name: cut(one_line(value), _LONGEST) if isinstance(value, str) else value for name, value in plain.items()}


def version_text(version: dict[str, Any]) -> str:
    """Return a version in words, without the config's key."""
    said = [f"{name} {version[name]}" for name in ("version", "digest") if version.get(name) is not None]
    return ", ".join(said) or "not known"


def _digest(document: Document) -> str | None:
    if len(json.dumps(document)) > _LONGEST_DOCUMENT:
        return None
    text = json.dumps(redact(without_secrets(document)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
