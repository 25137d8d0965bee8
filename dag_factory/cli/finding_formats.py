"""Findings as texts: a line for each, JSON, SARIF, or annotations of GitHub's actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dag_factory.cli.output import count_of, is_terminal, json_text
from dag_factory.cli.sarif import log_of
from dag_factory.configs.problem import ERROR, Problem
from dag_factory.portable.plain_text import one_line, printable
from dag_factory.store.findings import Findings

_COLOURS = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m"}
_PLAIN = "\x1b[0m"


def as_lines(found: Findings) -> str:
    """Return a line ``file:line:column: level: field problem. way out`` for each, as compilers do, and the counts."""
    is_coloured = is_terminal()
    lines = [_line(problem, is_coloured=is_coloured) for problem in found.problems]
    return "".join(f"{line}\n" for line in [*lines, counted(found)])


def counted(found: Findings) -> str:
    """Return how many files were checked, and with which result."""
    results = f"{count_of(found.errors, 'error')}, {count_of(found.warnings, 'warning')}"
    return f"{count_of(found.files, 'file')} checked: {results}."


def as_json(found: Findings) -> str:
    """Return the counts and the findings, see `finding`."""
    findings = [finding(problem) for problem in found.problems]
    answer = {"files": found.files, "errors": found.errors, "warnings": found.warnings, "findings": findings}
    return f"{json_text(answer)}\n"


def finding(problem: Problem) -> dict[str, Any]:
    """Return a finding as plain values, None for what is unknown."""
    return {
        "file": problem.config,
        "line": problem.line,
        "column": problem.column,
        "field": problem.field,
        "level": problem.level,
        "kind": problem.kind,
        "problem": problem.problem,
        "way_out": problem.way_out or None,
    }


def place_of(problem: Problem) -> str:
    """Return where a problem is, as far as that is known, as ``file:line:column``."""
    places = [str(place) for place in (problem.line, problem.column) if place is not None]
    return ":".join([one_line(problem.config or ""), *places])


def as_sarif(found: Findings) -> str:
    """Return the findings in SARIF 2.1.0, which GitHub's code scanning and many editors read."""
    return f"{json_text(log_of(found))}\n"


def as_github(found: Findings) -> str:
    """Return a command of GitHub's workflows for each, which shows it beside the line of the file."""
    return "".join(f"{_annotation(problem)}\n" for problem in found.problems)


FORMATS: Mapping[str, Callable[[Findings], str]] = {
    "text": as_lines,
    "json": as_json,
    "sarif": as_sarif,
    "github": as_github,
}


def _line(problem: Problem, *, is_coloured: bool) -> str:
    level = f"{_COLOURS[problem.level]}{problem.level}{_PLAIN}" if is_coloured else problem.level
    return f"{place_of(problem)}: {level}: {problem.sentence}"


def _annotation(problem: Problem) -> str:
    level = "error" if problem.level == ERROR else "warning"
    said = {"file": problem.config, "line": problem.line, "col": problem.column}
    properties = ",".join(f"{name}={_property(str(value))}" for name, value in said.items() if value is not None)
    return f"::{level} {properties}::{_data(problem.sentence)}"


def _data(text: str) -> str:
    return printable(text).replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
