"""Where the fields of a config stand in its file: line and column, for those who read the file."""

from __future__ import annotations

import json
import re
from bisect import bisect
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import PurePosixPath

import yaml

from dag_factory.configs.document import MAX_VALUES, YAML_SUFFIXES
from dag_factory.configs.json_loader import TOKEN
from dag_factory.configs.problem import Problem
from dag_factory.configs.yaml_loader import compose

Place = tuple[int, int]
"""Line and column, counted from 1."""

_Places = dict[str, Place]


class Positions:
    """
    The positions of fields in the files of a store, as they were when each was asked for.

    Those of defaults are remembered, since many configs share them; those of a config are not, since there are many.

    :param read: returns the content of a file by its key; raises KeyError where it is missing
    """

    def __init__(self, read: Callable[[str], bytes]) -> None:
        self._read = read
        self._defaults: dict[str, _Places | None] = {}

    def located(self, problems: Iterable[Problem], key: str, defaults: Iterable[str]) -> list[Problem]:
        """
        Return the problems of a config with the file, line and column of their fields.

        A missing field has the position of the mapping that lacks it; a field of the defaults has its position in
        theirs.

        :param defaults: the keys of the config's defaults, the nearest first, whether there are such files or not
        """
        found = {key: self._places(key), **{each: self._places_of_defaults(each) for each in defaults}}
        files = [(each, places) for each, places in found.items() if places is not None]
        return [_located(problem, files) for problem in problems]

    def within(self, problems: Iterable[Problem], key: str) -> list[Problem]:
        """Return the problems of those fields that a file itself has, with their places."""
        places = self._places(key) or {}
        found = [(problem, places.get(problem.exact_field or "")) for problem in problems if problem.exact_field]
        return [replace(each, config=key, line=place[0], column=place[1]) for each, place in found if place is not None]

    def origins(self, key: str, defaults: Iterable[str]) -> dict[str, tuple[str, Place]]:
        """
        Return from which file each field of a config comes, with its place there, by dotted path.

        :param defaults: the keys of the config's defaults, the nearest first, whether there are such files or not
        """
        found: dict[str, tuple[str, Place]] = {}
        for each, places in [(key, self._places(key)), *((each, self._places_of_defaults(each)) for each in defaults)]:
            for field, place in (places or {}).items():
                found.setdefault(field, (each, place))
        return found

    def _places_of_defaults(self, key: str) -> _Places | None:
        if key not in self._defaults:
            self._defaults[key] = self._places(key)
        return self._defaults[key]

    def _places(self, key: str) -> _Places | None:
        """Return the places of a file's fields by dotted path, None where it can't be read."""
        with suppress(Exception):  # a broken file has been reported as such
            text = self._read(key).decode("utf-8-sig")
            is_yaml = PurePosixPath(key).suffix.lower() in YAML_SUFFIXES
            found = _in_yaml(compose(text), "") if is_yaml else _in_json(text)
            # YAML's aliases can make very many fields from a few bytes.
            return dict(islice(found, MAX_VALUES))
        return None


def _located(problem: Problem, files: list[tuple[str, _Places]]) -> Problem:
    if problem.config is not None:
        files = [file for file in files if file[0] == problem.config]
    if problem.line is not None or not files:
        return problem
    field = problem.exact_field or ""
    while True:
        for key, places in files:
            if (place := places.get(field)) is not None and (field or key == files[0][0]):
                return replace(problem, config=key, line=place[0], column=place[1])
        if not field:
            return replace(problem, config=files[0][0])
        field = field.rpartition(".")[0]


def _in_yaml(node: yaml.Node | None, field: str) -> Iterator[tuple[str, Place]]:
    if node is None:
        return
    if not field:
        yield field, _place(node)
    if isinstance(node, yaml.MappingNode):
        for name, child in node.value:
            path = f"{field}.{name.value}" if field else str(name.value)
            yield path, _place(name)
            yield from _in_yaml(child, path)
    elif isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            path = f"{field}.{index}"
            yield path, _place(child)
            yield from _in_yaml(child, path)


def _place(node: yaml.Node) -> Place:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _in_json(text: str) -> Iterator[tuple[str, Place]]:
    """Yield the places of all keys of a valid JSON text; an item of a list has its index in the path."""
    starts = [0, *(end.end() for end in re.finditer("\n", text))]

    def place(position: int) -> Place:
        line = bisect(starts, position)
        return line, position - starts[line - 1] + 1

    yield "", place(len(text) - len(text.lstrip()))
    path: list[str | int] = []
    last: re.Match[str] | None = None
    for token in TOKEN.finditer(text):
        part = token[0]
        if part in "{[":
            path.append(0 if part == "[" else "")
        elif part in "}]":
            path.pop()
        elif part == "," and path and isinstance(path[-1], int):
            path[-1] += 1
        elif part == ":" and last is not None and path:
            path[-1] = json.loads(last[0], strict=False)
            yield ".".join(map(str, path)), place(last.start())
        last = token
