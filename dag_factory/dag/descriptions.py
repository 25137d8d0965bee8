"""
What is wrong with a config, as the first line of its DAG's description, which Airflow shows in its lists.

A list of DAGs carries the description and little else. So this is where the reason shows without a DAG being opened, in
Airflow's list as well as on our page, which reads it back. It imports nothing that builds a DAG.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from dag_factory.configs.problem import Problem, problems_in
from dag_factory.errors import ConfigError
from dag_factory.portable.plain_text import cut, one_line

BROKEN = "Config error, nothing runs"
LAST_GOOD = "Config error, the last good version runs"
WARNING = "Config warning"

_LONGEST = 500
_LONGEST_NAME = 150

_FIRST_LINE = re.compile(
    rf"(?:{BROKEN}|{LAST_GOOD}|{WARNING})\. "
    r"(?P<file>.*?)(?::(?P<line>\d+):(?P<column>\d+))?(?:, field '(?P<field>.*?)')?: (?P<text>.*)"
)


class DescribedProblem(NamedTuple):
    """A problem as a description says it, None in place of what is unknown."""

    text: str
    file: str
    line: int | None = None
    column: int | None = None
    field: str | None = None


def line_of_error(lead: str, error: ConfigError, key: str) -> str:
    """Return the first problem of an error in one line, as `line_of` does, and how many more there are."""
    problems = problems_in(error)
    return line_of(lead, problems[0], error.config or key, len(problems) - 1)


def line_of(lead: str, problem: Problem, key: str, others: int = 0) -> str:
    """
    Return a problem in one line of at most 500 characters: ``sales/orders.yaml:3:5, field 'airflowConfig.retries': …``.

    :param lead: `BROKEN`, `LAST_GOOD` or `WARNING`
    :param key: of the config, for a problem that names no file
    :param others: how many more the config has
    """
    place = f":{problem.line}:{problem.column}" if problem.line is not None else ""
    field = f", field '{cut(one_line(problem.field), _LONGEST_NAME)}'" if problem.field else ""
    more = f" (and {others} more)" if others else ""
    where = f"{cut(one_line(problem.config or key), _LONGEST_NAME)}{place}{field}"
    return cut(f"{lead}. {where}: {one_line(problem.text)}", _LONGEST - len(more)) + more


def read(description: str | None) -> DescribedProblem | None:
    """Return the problem that a description begins with, None where it does not begin with one."""
    # A longer text was not made here, and could make the pattern take seconds.
    found = _FIRST_LINE.fullmatch((description or "")[: _LONGEST + 1].partition("\n")[0][:_LONGEST])
    if found is None:
        return None
    line, column = found["line"], found["column"]
    return DescribedProblem(
        found["text"], found["file"], int(line) if line else None, int(column) if column else None, found["field"]
    )
