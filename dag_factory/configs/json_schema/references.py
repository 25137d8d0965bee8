"""References in place of a value, as JSON Schema."""

from __future__ import annotations

import re
from typing import Any

from dag_factory.portable.secrets.references import CONNECTION, ENV, FERNET, FORMS, PARTS

NAME = "reference"
"""Of the definition."""

NO_REFERENCE: dict[str, Any] = {"not": {"enum": sorted(FORMS)}}
"""Of the names of a mapping that can't be a reference."""

_TEXT = {"type": "string", "minLength": 1}
_PART = "|".join(re.escape(part) for part in sorted(PARTS))


def reference(*, encrypted: bool) -> dict[str, Any]:
    """
    Return the schema of a reference.

    :param encrypted: whether it may be an encrypted value, which works in the config of one DAG only
    """
    forms = [
        _form("An environment variable of the worker.", {ENV: {**_TEXT, "description": "Its name."}}),
        _form(
            "A part of an Airflow Connection.",
            {
                CONNECTION: {**_TEXT, "description": "The Connection's id."},
                "field": {
                    "anyOf": [
                        {"enum": sorted(PARTS)},
                        {"type": "string", "pattern": rf"^(?:{_PART}|extra\..+)$"},
                    ],
                    "description": "Which part of it, such as password or extra.token.",
                },
            },
        ),
    ]
    if encrypted:
        of_number = {"as": {"const": "number", "description": "The text stands for a number."}}
        text = {FERNET: {**_TEXT, "description": "The encrypted text."}}
        forms.append(_form("A text that is encrypted for the DAG of this config.", text, optional=of_number))
    return {"description": "A reference, which the worker resolves when the task starts.", "anyOf": forms}


def _form(text: str, fields: dict[str, Any], *, optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "description": text,
        "properties": {**fields, **(optional or {})},
        "required": list(fields),
        "additionalProperties": False,
    }
