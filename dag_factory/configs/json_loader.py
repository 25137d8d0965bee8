"""JSON, read strictly: Python's extensions are refused, and so is a key that stands twice."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from dag_factory.errors import ConfigError
from dag_factory.portable.secrets.shown_names import HIDDEN, shown_field

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]', re.DOTALL)
"""The tokens by which the keys of a JSON text are found."""
# How far back to look over white space.
_NEAR = 1000


def load_json(text: str) -> Any:
    """
    Return the value that a JSON text holds.

    :raises ConfigError: where it is not JSON, or a mapping has a key twice; says where, and quotes no value
    :raises RecursionError: where it is nested too deeply
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_mapping)
    except _KeyTwiceError:
        line, column, key = _second_of_a_key(text)
        raise key_twice(key, line, column) from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        problem = f"is not JSON ({error.msg}, {where})"
        raise ConfigError(f"{problem}{_way_out(text, error.pos)}", place=(error.lineno, error.colno)) from None
    except ValueError:
        # Python converts only so many digits.
        raise ConfigError("holds a number that is too large. Write a smaller one, or put it in quotes") from None


def _way_out(text: str, at: int) -> str:
    """Return what most likely helps, by the text at the error; empty where that is unknown."""
    here, before = text[at : at + 2], text[max(0, at - _NEAR) : at].rstrip()
    if here.startswith(("//", "/*", "#")):
        return ". JSON takes no comments: remove them, or write YAML, in a file whose name ends in .yaml"
    if here.startswith("'"):
        return """. Put keys and texts in double quotes, as in {"name": "orders"}"""
    if (before.endswith(",") and here.startswith(("}", "]"))) or here.startswith(","):
        return ". Remove the comma after the last field"
    if not before and at == 0 and text[:1].isalpha():
        return ". If it is YAML, rename the file so that its name ends in .yaml"
    return ""


def key_twice(key: str, line: int, column: int) -> ConfigError:
    """
    Return the error for a key that stands twice in a mapping: one of its two values would be lost.

    :param line: line of the second one; line and column are counted from 1
    """
    shown = shown_field(key)
    which = f"has '{shown}'" if shown != HIDDEN else "has a key"
    problem = f"{which} twice in one mapping, again at line {line}, column {column}. Keep one of the two"
    return ConfigError(problem, place=(line, column))


class _KeyTwiceError(Exception):
    pass


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise _KeyTwiceError
    return mapping


def _refuse_constant(name: str) -> NoReturn:
    raise ConfigError(f"holds {name}, which is not JSON")


def _second_of_a_key(text: str) -> tuple[int, int, str]:
    """Return line, column and text of the first key that its mapping already has."""
    keys: list[set[str]] = [set()]
    last: re.Match[str] | None = None
    for token in TOKEN.finditer(text):
        part = token[0]
        if part in "{[":
            keys.append(set())
        elif part in "}]":
            keys.pop()
        elif part == ":" and last is not None:
            key = json.loads(last[0], strict=False)
            if key in keys[-1]:
                before = text[: last.start()]
                return before.count("\n") + 1, last.start() - before.rfind("\n"), key
            keys[-1].add(key)
        last = token
    raise AssertionError("a mapping has a key twice, and none is found")  # pragma: no cover
