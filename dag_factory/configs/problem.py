"""Problems: what is wrong or doubtful in a document, each with its field, its kind and the way out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from dag_factory.errors import ConfigError
from dag_factory.portable.plain_text import cut, one_line
from dag_factory.portable.secrets.shown_names import shown_field

Level = Literal["error", "warning"]
ERROR: Level = "error"
WARNING: Level = "warning"

_LONGEST_FIELD = 300

MISSING = "missing"
SPELLING = "spelling"
UNREADABLE = "unreadable"
EFFECT = "effect"
"""
The kinds that code asks for by name; others only group problems.

The text of an ``UNREADABLE`` one has the place. A field that has no ``EFFECT`` in one config may have it in another, so
it is right in defaults.
"""


@dataclass(frozen=True)
class Problem:
    """
    One thing that is wrong or doubtful in a document. It quotes no value that may be a secret.

    :param exact_field: dotted path of its field, None for the document as a whole. A name in it may be a secret, so
        people see the property ``field``
    :param kind: one word for what is wrong, such as ``missing``; stays the same when the sentence is reworded
    :param problem: what is wrong, as a clause that follows the field's name
    :param way_out: what to do about it, as a sentence without its full stop
    :param level: an ``error`` keeps the pipeline from running, a ``warning`` does not
    :param meant: the field that was probably meant, where this one is misspelt
    :param config: key of the file that the field stands in, where positions were asked for
    :param line: of the field in that file; line and column are counted from 1
    """

    exact_field: str | None = dataclasses.field(repr=False)
    kind: str
    problem: str
    way_out: str = ""
    level: Level = ERROR
    meant: str | None = dataclasses.field(default=None, repr=False)
    config: str | None = None
    line: int | None = None
    column: int | None = None

    @property
    def field(self) -> str | None:
        """Dotted path of its field, with ``***`` in place of what may be a secret."""
        return shown_field(self.exact_field) if self.exact_field is not None else None

    @property
    def text(self) -> str:
        """What is wrong and the way out."""
        return f"{self.problem}. {self.way_out}" if self.way_out else self.problem

    @property
    def sentence(self) -> str:
        """Field, problem and way out on one line."""
        text = one_line(f"{_short(self.field)} {self.text}" if self.field else self.text)
        return text if text.endswith((".", "?", "!")) else f"{text}."

    @property
    def place(self) -> str | None:
        """Its place in the file, None where that is unknown."""
        return f"line {self.line}, column {self.column}" if self.line is not None else None

    def __str__(self) -> str:
        where = [f"config '{_short(self.config)}'"] if self.config else []
        where += [self.place] if self.place and self.kind != UNREADABLE else []
        if not self.field:
            return f"{', '.join(where)}: {one_line(self.text)}" if where else one_line(self.text)
        place = f" ({', '.join(where)})" if where else ""
        return f"field '{_short(self.field)}'{place}: {one_line(self.text)}"

    def as_json(self) -> dict[str, Any]:
        """Return the problem as the API answers it, without what is unknown."""
        named = {
            "field": _short(self.field) if self.field else None,
            "kind": self.kind,
            "level": self.level,
            "problem": self.problem,
            "wayOut": self.way_out or None,
            "config": self.config,
            "line": self.line,
            "column": self.column,
        }
        return {name: value for name, value in named.items() if value is not None}


def _short(field: str) -> str:
    # A field's name may be any text.
    return cut(one_line(field), _LONGEST_FIELD)


class InvalidError(ConfigError):
    """A document is wrong in one or several fields: the message names the first, ``problems`` has all."""

    def __init__(self, problems: Sequence[Problem], *, config: str | None = None) -> None:
        first, others = problems[0], len(problems) - 1
        counted = f" ({others} more {'field is' if others == 1 else 'fields are'} wrong.)" if others else ""
        super().__init__(f"{first.text.rstrip('.')}.{counted}", field=first.exact_field, config=config)
        self.problems = tuple(problems)

    def within(self, config: str) -> InvalidError:
        """Return the same error with the config's key in it, unless it has one already."""
        return InvalidError(self.problems, config=self.config or config)


def problems_in(error: ConfigError) -> tuple[Problem, ...]:
    """Return the problems that an error stands for: all of an `InvalidError`, one of any other."""
    return (
        error.problems
        if isinstance(error, InvalidError)
        else (problem_of(error, UNREADABLE if error.place else "value"),)
    )


def problem_of(error: ConfigError, kind: str) -> Problem:
    """Return the problem that an error stands for; its message is a clause, maybe followed by the way out."""
    problem, _, way_out = error.problem.partition(". ")
    line, column = error.place or (None, None)
    found = Problem(error.exact_field, kind, problem.rstrip("."), way_out.rstrip("."), config=error.config)
    return replace(found, line=line, column=column)


def without_doubles(problems: Iterable[Problem]) -> list[Problem]:
    """
    Return the first problem of each field, errors before warnings, without those that follow from another problem.

    A field that is missing because it is misspelt is one problem: an error that names what was meant.
    """
    found = sorted(problems, key=lambda problem: problem.level)
    meant = {problem.meant for problem in found if problem.kind == SPELLING} - {None}
    missing = {problem.exact_field for problem in found if problem.kind == MISSING}
    kept: dict[str | None, Problem] = {}
    for problem in found:
        if problem.kind == MISSING and problem.exact_field in meant:
            continue
        is_why = problem.kind == SPELLING and problem.meant in missing
        kept.setdefault(problem.exact_field, replace(problem, level=ERROR) if is_why else problem)
    return sorted(kept.values(), key=lambda problem: problem.level)
