"""YAML, read as if it were JSON: only JSON's values, and within limits that keep the process alive."""

from __future__ import annotations

import re
from typing import Any

import yaml

from dag_factory.configs.json_loader import key_twice
from dag_factory.errors import ConfigError

MAX_DEPTH = 64
MAX_PAIRS = 100_000
# Keys and values. So many take a fifth of a second to read, twenty times as long as JSON.
MAX_NODES = 30_000

_BOOL, _INT, _FLOAT, _TIMESTAMP = (f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float", "timestamp"))
_DIGITS = list("-0123456789")


def load_yaml(text: str) -> Any:
    """
    Return the value that a YAML document holds.

    :raises ConfigError: where it is not YAML, or too large; says where, and quotes nothing of the text
    :raises RecursionError: where it is nested too deeply
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        # PyYAML's message quotes the text, which may be a password.
        mark = _mark(error)
        place = (mark.line + 1, mark.column + 1) if mark else None
        where = " (line {}, column {})".format(*place) if place else ""
        if error.context == _SEVERAL:
            raise ConfigError(f"holds several documents{where}. Write one pipeline per file", place=place) from None
        raise ConfigError(f"is not YAML{where}. {_way_out(text, error)}", place=place) from None
    except (yaml.YAMLError, ArithmeticError, AttributeError, LookupError, ValueError):
        # PyYAML raises these for a tag that doesn't fit its text, such as `!!bool maybe`.
        raise ConfigError("is not YAML") from None


def compose(text: str) -> yaml.Node | None:
    """
    Return the nodes of a YAML document, which have their positions.

    :raises yaml.YAMLError: where it is not YAML
    :raises RecursionError: where it is nested too deeply
    """
    node: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    return node


def _way_out(text: str, error: yaml.MarkedYAMLError) -> str:
    """Return what most likely helps, by the text at the error."""
    mark = _mark(error)
    lines = text.splitlines()
    if mark is None or mark.line >= len(lines):
        return _TOO_EARLY
    if not "".join([lines[mark.line][mark.column :], *lines[mark.line + 1 :]]).strip():
        return _TOO_EARLY
    line, before = lines[mark.line], lines[mark.line - 1] if mark.line else ""
    if any("\t" in each[: len(each) - len(each.lstrip())] for each in (line, before)):
        return "Indent with spaces, YAML takes no tabs."
    if any(_NO_SPACE in each for each in (line, before)):
        return "A space is a non-breaking one, as text processors and web pages have it. Write a plain space."
    return _by_problem(error, line, before)


def _by_problem(error: yaml.MarkedYAMLError, line: str, before: str) -> str:
    problem, mark = error.problem or "", error.problem_mark
    if error.context == _WITHOUT_COLON:
        return _COLON
    if _QUOTE_WITHIN.search(line):
        return "A quote within a value in quotes ends it. Put the value in the other kind of quotes, ' or \"."
    if "expected ',' or" in problem:
        return "A bracket or brace that is opened here or before is not closed, or a comma is missing."
    if "mapping values are not allowed" in problem and mark is not None:
        is_one_line = ": " in line[: mark.column].lstrip() and _begins_field(line)
        return _COLON if is_one_line or not re.search(r":(\s|$)", before) else _INDENT
    if "block end" in problem or "block mapping" in str(error.context) or "expected ':'" in problem:
        return _INDENT if _is_indented_alone(line, before) else _COLON
    return "Values with special characters need quotes."


def _mark(error: yaml.MarkedYAMLError) -> yaml.Mark | None:
    """Return where the mistake is; PyYAML notices a missing colon only in the next line."""
    if error.context == _WITHOUT_COLON and error.context_mark is not None:
        return error.context_mark
    return error.problem_mark or error.context_mark


_NO_SPACE = "\u00a0"
# A value in quotes, after which the line goes on: so it contains such a quote.
_QUOTE_WITHIN = re.compile(r""":\s+(?:'[^']*'[^\s',\]}#]|"[^"]*"[^\s",\]}#])""")
# PyYAML's own words.
_WITHOUT_COLON = "while scanning a simple key"
_SEVERAL = "expected a single document in the stream"
_TOO_EARLY = "The file ends too early: is it complete, and is each bracket and quote closed?"
_INDENT = (
    "The indentation is wrong: fields of one mapping begin in the same column, those within a field further right."
)
_COLON = "A field is written as 'name: value', and a value that holds ': ' or ' #' needs quotes."


def _begins_field(line: str) -> bool:
    return re.match(r"\s*(?:- )?[\w$]+: ", line) is not None


def _is_indented_alone(line: str, before: str) -> bool:
    """Return whether a line begins a field, in another column than the line before."""
    return _begins_field(f"{line} ") and len(line) - len(line.lstrip()) != len(before) - len(before.lstrip())


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """
    Reads as a number or a boolean only what is one in both YAML and JSON: dates, times such as 12:30, digits such as
    0123, commits such as 12e4567 and answers such as `no` stay texts.

    It refuses what would crash the process: PyYAML recurses in C until the stack is used up, and nested merge keys
    (``<<``) multiply.

    It refuses a key that stands twice in one mapping. Keys of a merge key may be overridden, as in any YAML.
    """

    _depth = 0
    _nodes = 0
    _pairs = 0

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._checked: set[int] = set()

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise ConfigError(
                f"holds more than {MAX_NODES} keys and values, which takes too long to read at each parse. Write it in "
                "JSON, or split it into several pipelines"
            )
        self._depth += 1
        if self._depth > MAX_DEPTH + 2:  # the document itself, and the key of a mapping
            raise RecursionError

    def ascend_resolver(self) -> None:
        self._depth -= 1

    def flatten_mapping(self, node: Any) -> None:
        # Called again for a mapping that others merge, which by then also has the keys that it merges itself.
        if id(node) not in self._checked:
            self._checked.add(id(node))
            _check_keys(node)
        super().flatten_mapping(node)
        self._pairs += len(node.value)
        if self._pairs > MAX_PAIRS:
            raise ConfigError("merges too many keys for a pipeline's config. Use fewer merge keys (<<)")


def _check_keys(mapping: yaml.MappingNode) -> None:
    seen = set()
    for key, _ in mapping.value:
        if isinstance(key, yaml.ScalarNode):
            if (key.tag, key.value) in seen:
                raise key_twice(key.value, key.start_mark.line + 1, key.start_mark.column + 1)
            seen.add((key.tag, key.value))


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in (_BOOL, _INT, _FLOAT, _TIMESTAMP)]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOL, re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), list("tTfF"))
_Loader.add_implicit_resolver(_INT, re.compile(r"-?(?:0|[1-9][0-9]*)\Z"), _DIGITS)
_Loader.add_implicit_resolver(_FLOAT, re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][-+][0-9]+)?\Z"), _DIGITS)
_Loader.add_constructor(_INT, lambda loader, node: int(loader.construct_scalar(node)))
_Loader.add_constructor(_FLOAT, lambda loader, node: float(loader.construct_scalar(node)))
