"""Inspects openmetadata-ingestion's models: which ones a value may be of, and their errors in plain words."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

from dag_factory.errors import ConfigError, WorkflowError
from dag_factory.portable.secrets.shown_names import shown_field

if TYPE_CHECKING:
    from pydantic import BaseModel

    Model: TypeAlias = type[BaseModel]

_DISTRIBUTION = "openmetadata-ingestion"

# The problem by the beginning of pydantic's name for the error; the first match counts.
_WORDS = {
    "missing": "is missing",
    "bool": "is neither true nor false",
    "int": "is not a whole number",
    "float": "is not a number",
    "string_too_short": "is too short",
    "string_type": "is not a text",
    "list": "is not a list",
    "model": "is not a mapping of fields to values",
    "dict": "is not a mapping of fields to values",
    "greater_than": "is too small",
    "less_than": "is too large",
    "too_short": "is too short",
    "extra_forbidden": "is an unknown field",
}
_OTHER = "is of the wrong kind"


@cache
def ingestion() -> str:
    """Return the name and, where known, the version of this interpreter's openmetadata-ingestion."""
    try:
        return f"{_DISTRIBUTION} {version(_DISTRIBUTION)}"
    except PackageNotFoundError:
        return _DISTRIBUTION


def errors_of(model: Model, value: Mapping[str, Any]) -> dict[str | None, Any]:
    """Return a model's errors, the first of each field; the key None is for the mapping as a whole."""
    from pydantic import ValidationError

    found: dict[str | None, Any] = {}
    try:
        model.model_validate(value)
    except ValidationError as error:
        for each in error.errors(include_url=False, include_input=False):
            found.setdefault(str(each["loc"][0]) if each["loc"] else None, each)
    return found


def nearest_model(models: Sequence[Model], value: Mapping[str, Any]) -> Model:
    """Return the model that a mapping was probably meant for: its constants fit, and most of its fields are known."""

    def likeness(model: Model) -> tuple[bool, int, int]:
        fields = model.model_fields
        said = ((value[name], words_of(fields[name].annotation)) for name in value.keys() & fields.keys())
        missing = sum(field.is_required() and name not in value for name, field in fields.items())
        return all(word in words for word, words in said if words), _known(model, value), -missing

    return max(models, key=likeness)


def _known(model: Model, value: Mapping[str, Any]) -> int:
    """Return how many fields of a mapping, and of the mappings in it, a model knows."""
    count = 0
    for name in value.keys() & model.model_fields.keys():
        inner = models_of(model.model_fields[name].annotation) if isinstance(value[name], dict) else []
        count += 1 + max((_known(each, value[name]) for each in inner), default=0)
    return count


def problem_of(field: str, error: Mapping[str, Any], words: Sequence[str] = ()) -> ConfigError:
    """
    Return one of pydantic's errors in our words, without the value.

    :param words: the allowed values of the field, if it has a list of them
    """
    kind = str(error["type"])
    if kind in ("enum", "literal_error") and words:
        problem, way_out = f"is not one of {', '.join(words)}", "Write one of them"
    else:
        problem, way_out = _in_words(kind), f"See the schema of {ingestion()}"
        if kind == "missing":
            way_out = f"Write {field.rpartition('.')[2]}: {' or '.join(words) or '…'}"
    return ConfigError(f"{problem}. {way_out}", field=field)


def in_one_sentence(error: Exception, refused: str) -> WorkflowError | None:
    """
    Return an error of openmetadata-ingestion's models as one sentence; None where it is an error of another kind.

    The error's own text has a line for each field of each type that the config does not match.

    :param refused: what the models refuse, such as ``the workflow's config``
    """
    from metadata.ingestion.api.parser import InvalidWorkflowException, ParsingConfigurationError
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        found = error.errors(include_url=False, include_input=False)
        where = shown_field(".".join(str(part) for part in found[0]["loc"]))
        said = f"{error.title}: {where} {_in_words(str(found[0]['type']))}"
        others = len(found) - 1
    elif isinstance(error, (ParsingConfigurationError, InvalidWorkflowException)):
        first, *rest = [line.strip(" \t-") for line in str(error).splitlines() if line.strip(" \t-")] or [""]
        named = [line for line in rest if line.startswith(("Extra", "Missing", "Invalid"))]
        said = " ".join([first, *named[:1]])
        others = len(named) - 1
    else:
        return None
    more = f" ({others} more)" if others > 0 else ""
    return WorkflowError(f"{ingestion()} refuses {refused}. {said}{more}")


def models_of(annotation: Any) -> list[Model]:
    """Return the models that a value, or an item of a list, may be of."""
    from pydantic import BaseModel, RootModel

    found: list[Model] = []
    for each in _alternatives(annotation):
        if isinstance(each, type) and issubclass(each, RootModel):
            found += models_of(each.model_fields["root"].annotation)
        elif isinstance(each, type) and issubclass(each, BaseModel):
            found.append(each)
        elif get_origin(each) in (list, set):
            found += models_of(get_args(each)[0])
    return found


def words_of(annotation: Any) -> list[str]:
    """Return the values of an enum or a constant, empty for any other annotation."""
    found: list[str] = []
    for each in _alternatives(annotation):
        if isinstance(each, type) and issubclass(each, Enum):
            found += [str(member.value) for member in each]
        elif get_origin(each) is Literal:
            found += map(str, get_args(each))
    return found


def _in_words(kind: str) -> str:
    return next((words for begin, words in _WORDS.items() if kind.startswith(begin)), _OTHER)


def _alternatives(annotation: Any) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for each in get_args(annotation):
            yield from _alternatives(each)
    else:
        yield annotation
