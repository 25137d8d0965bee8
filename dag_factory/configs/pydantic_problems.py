"""Pydantic's errors in our own words: what is wrong and the way out, without the value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from dag_factory.configs.problem import MISSING, Problem
from dag_factory.portable.secrets.redaction import is_secret
from dag_factory.portable.secrets.shown_names import shown_name

if TYPE_CHECKING:
    from pydantic import ValidationError

# More wrong fields are left out: only a document that was made to fill a log has so many.
_MOST = 50

# By Pydantic's name for the error; the names in braces are filled in from its context.
_SENTENCES: Mapping[str, tuple[str, str]] = {
    "missing": ("is missing", "Add it to the config, or to a defaults.yaml of its folder or one above"),
    "extra_forbidden": ("is unknown here", "Is it spelled right?"),
    "string_type": ("is not a text", "Write a text; one of digits alone needs quotes"),
    "string_too_short": ("is empty", "Write a text, or leave the field out unless it is required"),
    "string_too_long": ("is longer than {max_length} characters", "Shorten it"),
    "bool_type": ("is neither true nor false", "Write true or false, without quotes"),
    "int_type": ("is not a whole number", "Write digits alone"),
    "int_parsing": ("is not a whole number", "Write digits alone"),
    "int_parsing_size": ("is a number that is too large", "Write a smaller one"),
    "int_from_float": ("is not a whole number", "Write digits alone"),
    "finite_number": ("is not a finite number", "Write digits alone"),
    "greater_than_equal": ("is less than {ge}", "Write {ge} or more"),
    "less_than_equal": ("is more than {le}", "Write {le} or less"),
    "less_than": ("is not less than {lt}", "Write a smaller number"),
    "list_type": ("is not a list", "Write a list, such as [{{type: team, name: sales}}]"),
}
_DATE = ("is not a date", "Write one like 2027-01-31, or a moment like 2027-01-31T06:00:00Z")
_OBJECT = ("is not a mapping of fields to values", "Write one field to a line, indented below '{name}'")

# Examples of fields that must be mappings.
_MAPPINGS = {
    "service": "Write {{type: databaseService, name: {value}}}",
    "owners": "Write a list of {{type: team, name: sales}}",
    "airflowConfig": 'Write {{scheduleInterval: "0 3 * * *"}} or another field of it',
    "dagFactory": "Write {{runner: {{…}}}}",
    "runner": "Write {{pool: …}}, {{queue: …}} or another field of it",
}


def problems_of(error: ValidationError) -> Iterator[Problem]:
    """Yield what is wrong in a document, field by field in the order of the model."""
    for each in islice(error.errors(include_url=False), _MOST):
        field = ".".join(str(part) for part in each["loc"])
        yield Problem(field, *_words(each["type"], each))


def _words(kind: str, error: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return kind, problem and way out of one of Pydantic's errors."""
    if kind == "value_error":
        problem, _, way_out = str(error["msg"]).removeprefix("Value error, ").partition(". ")
        return "value", problem.rstrip("."), way_out.rstrip(".")
    names = [part for part in error["loc"] if isinstance(part, str)]
    name = names[-1] if names else ""
    context = {**error.get("ctx", {}), "name": shown_name(name)}
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        problem, way_out = _OBJECT[0], _MAPPINGS.get(name, _OBJECT[1])
        context["value"] = _shown(error.get("input"))
        return "kind", problem, way_out.format(**context)
    if kind.startswith(("datetime", "date", "timezone")):
        return "date", *_DATE
    problem, way_out = _SENTENCES.get(kind, ("is not of the right kind", "See OpenMetadata's schema for this field"))
    return MISSING if kind == "missing" else kind, problem.format(**context), way_out.format(**context)


def _shown(value: object) -> str:
    """Return a name that was written in place of a mapping with that name; any other value may be a secret."""
    is_name = isinstance(value, str) and value.isidentifier() and len(value) <= 64 and not is_secret("", value)
    return str(value) if is_name else "…"
