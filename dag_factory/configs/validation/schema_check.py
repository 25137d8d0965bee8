"""
Checks values against the digests of openmetadata-ingestion's schemas.

What openmetadata-ingestion's models are certain to refuse is an error. What is only doubtful is a warning, such as a
field of a newer server. What the digests don't hold, such as the pattern of a text, the worker checks with the models.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dag_factory.configs.problem import ERROR, MISSING, SPELLING, WARNING, Problem
from dag_factory.configs.schemas import ANY, BOOLEAN, INTEGER, MOMENT, NUMBER, SECRET, TEXT, Kind, Schemas
from dag_factory.configs.validation.names import HAS_VALUE
from dag_factory.portable.openmetadata.nearest import nearest
from dag_factory.portable.secrets.references import is_reference

# After so many, a document is not checked further; one of some kilobytes has a few hundred. Each object counts once for
# each type that it is compared with, and so does each wrong value.
_MOST_OBJECTS = 5_000
_MOST_UNKNOWN = 20
"""How many unknown fields of one object are reported."""

# Texts that openmetadata-ingestion's models read as true or false.
_ANSWERS = frozenset({"0", "1", "f", "false", "n", "no", "off", "on", "t", "true", "y", "yes"})

# The field that stands for a type in an example, where none is required.
_FIRST = frozenset({"includes"})

_WORDS = {
    BOOLEAN: ("true or false", "Write true or false, without quotes"),
    INTEGER: ("a whole number", "Write digits alone"),
    NUMBER: ("a number", "Write digits alone"),
    TEXT: ("a text", "Put it in quotes"),
    SECRET: ("a text", "Put it in quotes"),
    MOMENT: ("a date", 'Write one like "2027-01-31"'),
}


class SchemaCheck:
    """
    Finds what is wrong in the values of one document.

    :param schemas: of the version of openmetadata-ingestion that will read it
    :param names_unknown: whether to report unknown fields too, each with the name that was probably meant
    """

    def __init__(self, schemas: Schemas, *, names_unknown: bool = True) -> None:
        self._schemas = schemas
        self._names_unknown = names_unknown
        self._objects_left = _MOST_OBJECTS

    def problems_of(self, kind: Kind, value: Any, field: str) -> Iterator[Problem]:
        """
        Yield what is wrong with a value, or within it.

        :param kind: the kind that it must have
        :param field: its dotted path
        """
        if value is None or kind in (ANY, None) or self._objects_left <= 0:
            return
        options = kind["one of"] if isinstance(kind, dict) and "one of" in kind else [kind]
        if is_reference(value):
            # It becomes a text, which the models may read as a number, a boolean or a value of an enum.
            if not any(each in _WORDS or each == ANY or self._schemas.values(each) for each in _hashable(options)):
                yield _misfit(field, "a reference, which becomes a text,", *self._words(options))
        elif isinstance(value, dict):
            yield from self._of_mapping(options, value, field)
        elif isinstance(value, list):
            yield from self._of_list(options, value, field)
        elif not any(self._reads(each, value) for each in options):
            self._objects_left -= 1
            yield self._wrong_value(options, value, field)

    def of_object(self, kind: str, value: Mapping[str, Any], field: str) -> Iterator[Problem]:
        """Yield what is wrong with the fields of an object of a known type."""
        self._objects_left -= 1
        if self._objects_left < 0:
            return
        known = self._schemas.fields(kind)
        for name in self._schemas.required(kind):
            if value.get(name) is None:
                yield Problem(f"{field}.{name}", MISSING, "is missing", self._how_to_write(name, [known[name]]))
        unknown = [name for name in value if name not in known] if self._names_unknown else []
        for name in unknown[:_MOST_UNKNOWN]:
            yield from self._unknown(kind, name, known.keys() - value.keys(), field)
        for name, child in value.items():
            if name in known:
                yield from self.problems_of(known[name], child, f"{field}.{name}")
                yield from self._out_of_bounds(kind, name, child, field)

    def _unknown(self, kind: str, name: str, others: Any, field: str) -> Iterator[Problem]:
        if ":" in name and (before := name.partition(":")[0]) in others:
            way_out = f"Write a space after the colon of '{before}'"
            yield Problem(f"{field}.{name}", SPELLING, HAS_VALUE, way_out, WARNING, meant=f"{field}.{before}")
            return
        meant = nearest(name, tuple(sorted(others)))
        whose = f"to openmetadata-ingestion {short(self._schemas.version)}"
        where = f"{field}.{name}"
        if meant is not None:
            yield Problem(
                where, SPELLING, f"is unknown {whose}", f"Did you mean '{meant}'?", WARNING, meant=f"{field}.{meant}"
            )
        elif not self._schemas.takes_unknown_fields(kind):
            way_out = "Remove it, or run the pipeline by an openmetadata-ingestion that knows it"
            yield Problem(where, "unknown", f"is unknown {whose}", way_out, WARNING)

    def _out_of_bounds(self, kind: str, name: str, value: Any, field: str) -> Iterator[Problem]:
        lowest, highest = self._schemas.bounds(kind, name)
        if not isinstance(value, (int, float)):
            return
        if lowest is not None and value < lowest:
            yield Problem(f"{field}.{name}", "bounds", f"is less than {lowest:g}", f"Write {lowest:g} or more")
        elif highest is not None and value > highest:
            yield Problem(f"{field}.{name}", "bounds", f"is more than {highest:g}", f"Write {highest:g} or less")

    def _of_mapping(self, options: Sequence[Kind], value: dict[str, Any], field: str) -> Iterator[Problem]:
        types = [each for each in options if self._schemas.is_type(each)]
        maps = [each for each in options if isinstance(each, dict) and "map" in each]
        if ANY in options or not (types or maps):
            if ANY not in options:
                yield _misfit(field, "a mapping", *self._words(options))
        elif not maps:
            yield from self._of_types(types, value, field)
        elif types:
            # Any mapping is accepted. If it names a type, its fields can still be misspelt.
            said = [each for each in types if value.get("type") in self._schemas.values(self._type_of(each))]
            if len(said) == 1:
                yield from (
                    replace(problem, level=WARNING)
                    for problem in self.of_object(said[0], value, field)
                    if problem.kind != MISSING
                )
        else:
            for name, child in value.items():
                yield from self.problems_of(maps[0]["map"], child, f"{field}.{name}")

    def _of_types(self, types: list[str], value: dict[str, Any], field: str) -> Iterator[Problem]:
        """Yield what is wrong with an object that may be of several types, compared with the nearest of them."""
        tags = self._tags(types)
        for tag in tags:
            if isinstance(said := value.get(tag), str):
                agreeing = [each for each in types if said in self._schemas.values(self._schemas.fields(each).get(tag))]
                if not agreeing:
                    yield self._wrong_value(
                        [self._schemas.fields(each).get(tag) for each in types], said, f"{field}.{tag}"
                    )
                    return
                types = agreeing
        found = {each: list(self.of_object(each, value, field)) for each in types}

        def distance(each: str) -> tuple[int, int, int]:
            errors = sum(problem.level == ERROR for problem in found[each])
            return errors, -self._known(each, value), len(found[each])

        nearest_type = min(types, key=distance)
        alike = [each for each in types if distance(each) == distance(nearest_type)]
        for tag in tags if len(alike) > 1 else ():
            if problem := next((each for each in found[nearest_type] if _is_missing(each, f"{field}.{tag}")), None):
                # Before all else, the object must say which of these types it is.
                kinds = [self._schemas.fields(each).get(tag) for each in types]
                yield replace(problem, way_out=self._how_to_write(tag, kinds))
                return
        yield from found[nearest_type]

    def _known(self, kind: Kind, value: Mapping[str, Any]) -> int:
        """Return how many fields of an object, and of objects in it, a type knows."""
        count = 0
        for name in value.keys() & self._schemas.fields(kind).keys():
            inner = self._schemas.fields(kind)[name]
            options = inner["one of"] if isinstance(inner, dict) and "one of" in inner else [inner]
            child = value[name]
            count += 1 + (max(self._known(each, child) for each in options) if isinstance(child, dict) else 0)
        return count

    def _tags(self, types: list[str]) -> list[str]:
        """Return the fields whose values show an object's type."""
        if len(types) < 2:
            return []
        named: dict[str, list[tuple[Any, ...]]] = {}
        for each in types:
            for name, kind in self._schemas.fields(each).items():
                if values := self._schemas.values(kind):
                    named.setdefault(name, []).append(tuple(values))
        return [name for name, values in named.items() if len(values) > 1 and len(set(values)) > 1]

    def _of_list(self, options: Sequence[Kind], value: list[Any], field: str) -> Iterator[Problem]:
        lists = [each for each in options if isinstance(each, dict) and "list" in each]
        if ANY in options:
            return
        if not lists:
            yield _misfit(field, "a list", *self._words(options))
        elif len(lists) == 1:
            for index, child in enumerate(value):
                yield from self.problems_of(lists[0]["list"], child, f"{field}.{index}")

    def _reads(self, kind: Kind, value: Any) -> bool:
        """Return whether a model may read a value, neither object nor list, as being of a kind."""
        if not isinstance(kind, str):
            return False
        if kind == BOOLEAN:
            return value.lower() in _ANSWERS if isinstance(value, str) else value in (0, 1)
        if kind in (INTEGER, NUMBER):
            return _is_numeric(value, is_whole=kind == INTEGER)
        if kind in (TEXT, SECRET):
            return isinstance(value, str)
        if kind == MOMENT:
            return isinstance(value, (str, int, float)) and not isinstance(value, bool)
        return kind == ANY or value in self._schemas.values(kind)

    def _wrong_value(self, options: Sequence[Kind], value: Any, field: str) -> Problem:
        values = self._values(options)
        if values and isinstance(value, str):
            meant = nearest(value, tuple(values))
            way_out = f"Did you mean '{meant}'?" if meant else f"Write {_either(values)}"
            return Problem(field, "value", f"is not one of {', '.join(values)}", way_out)
        return _misfit(field, _said(value), *self._words(options))

    def _words(self, options: Sequence[Kind]) -> tuple[str, str]:
        """Return what belongs in a field, and how to write it."""
        for each in options:
            if isinstance(each, dict):
                return ("a list", "Write […]") if "list" in each else ("a mapping", "Write {…}")
            if known := self._schemas.fields(each):
                some = [*self._schemas.required(each), *_FIRST.intersection(known), *known]
                return "a mapping", f"Write {{{some[0]}: …}}"
        values = self._values(options)
        if values:
            return f"one of {', '.join(values)}", f"Write {_either(values)}"
        return _WORDS[next(each for each in options if each in _WORDS)]

    def _how_to_write(self, name: str, kinds: Sequence[Kind]) -> str:
        if values := self._values(kinds):
            return f"Write {name}: {_either(values)}"
        return "Add it to the config, or to a defaults.yaml of its folder or one above"

    def _values(self, kinds: Sequence[Kind]) -> list[str]:
        return list(dict.fromkeys(str(value) for kind in kinds for value in self._schemas.values(kind)))

    def _type_of(self, kind: Kind) -> Kind:
        return self._schemas.fields(kind).get("type")


def short(version: str) -> str:
    """Return the part of a version that identifies its schemas, such as ``2.0`` of ``2.0.6.0``."""
    return ".".join(version.split(".")[:2])


def _hashable(options: Sequence[Kind]) -> list[str]:
    return [each for each in options if isinstance(each, str)]


def _is_numeric(value: Any, *, is_whole: bool) -> bool:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return not is_whole or number.is_integer()


def _misfit(field: str, said: str, belongs: str, way_out: str) -> Problem:
    return Problem(field, "kind", f"is {said} where {belongs} belongs", way_out)


def _is_missing(problem: Problem, field: str) -> bool:
    return problem.kind == MISSING and problem.exact_field == field


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    return "a text" if isinstance(value, str) else "a number"


def _either(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} or {values[-1]}"
