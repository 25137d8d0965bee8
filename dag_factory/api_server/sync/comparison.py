"""What of a pipeline would a deploy change? Compares a document of the server with the config that is stored."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dag_factory.configs.document import Document
from dag_factory.portable.secrets.references import is_reference

# What a run or a DAG depends on. Not what the server counts and notes for itself (`version`, `updatedAt`, `deployed`,
# `href`, …), which a deploy itself changes; not `enabled`, which the server sends by a call of its own; and not what it
# adds to a deploy alone (`openMetadataServerConnection`, `enableStreamableLogs`).
_PLAIN = (
    "airflowConfig",
    "description",
    "displayName",
    "fullyQualifiedName",
    "id",
    "loggerLevel",
    "name",
    "pipelineType",
    "raiseOnError",
    "sourceConfig",
)
_MASK = re.compile(r"\*{5,}")
"""What the server shows in place of a secret."""


def content(document: Mapping[str, Any]) -> Document:
    """Return the part of a document that a deploy would change; empty values count as missing."""
    found = {field: _whole(document.get(field)) for field in _PLAIN}
    owners = document.get("owners")
    found["service"] = _referred(document.get("service"))
    found["owners"] = sorted(map(_referred, owners), key=str) if isinstance(owners, list) else None
    return {field: value for field, value in found.items() if not _is_empty(value)}


def are_same(theirs: Any, ours: Any) -> bool:
    """
    Return whether two contents are the same, as far as that can be seen.

    :param theirs: of the server. A mask in it stands for any value
    :param ours: of the store. A reference that is not decrypted stands for any value
    """
    if is_masked(theirs) or is_reference(ours):
        return True
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return all(are_same(theirs.get(field), ours.get(field)) for field in theirs.keys() | ours.keys())
    if isinstance(theirs, list) and isinstance(ours, list):
        return len(theirs) == len(ours) and all(map(are_same, theirs, ours))
    # 1 is True in Python.
    return bool(theirs == ours) and isinstance(theirs, bool) == isinstance(ours, bool)


def is_masked(value: object) -> bool:
    """Return whether a value is what the server shows in place of a secret."""
    return isinstance(value, str) and _MASK.fullmatch(value) is not None


def holds_masks(value: Any) -> bool:
    """Return whether a document holds a mask in place of a secret, so that it can't be run."""
    if isinstance(value, dict):
        return any(map(holds_masks, value.values()))
    if isinstance(value, list):
        return any(map(holds_masks, value))
    return is_masked(value)


def _whole(value: Any) -> Any:
    """Return a value without what is empty in it: the server leaves out what is null."""
    if isinstance(value, dict) and not is_reference(value):
        cleaned = {field: _whole(child) for field, child in value.items()}
        return {field: child for field, child in cleaned.items() if not _is_empty(child)}
    return [_whole(child) for child in value] if isinstance(value, list) else value


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _referred(reference: Any) -> Document:
    """Return what a reference to another entity says for certain: its names for people may change without a deploy."""
    if not isinstance(reference, dict):
        return {}
    return {"type": reference.get("type"), "name": reference.get("fullyQualifiedName") or reference.get("name")}
