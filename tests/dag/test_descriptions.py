from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag_factory.configs.problem import InvalidError, Problem
from dag_factory.dag.descriptions import BROKEN, LAST_GOOD, WARNING, DescribedProblem, line_of, line_of_error, read
from dag_factory.errors import ConfigError

PROBLEM = Problem("a.b", "value", "is not a number", "Write one", config="sales/orders.yaml", line=3, column=5)

names = st.text(st.characters(exclude_characters="':\n"), min_size=1, max_size=60).filter(lambda name: name.strip())


def test_a_problem_is_one_line_with_its_file_line_and_field() -> None:
    expected = "Config error, nothing runs. sales/orders.yaml:3:5, field 'a.b': is not a number. Write one"
    assert line_of(BROKEN, PROBLEM, "other.yaml") == expected


@pytest.mark.parametrize("lead", [BROKEN, LAST_GOOD, WARNING])
@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (PROBLEM, DescribedProblem("is not a number. Write one", "sales/orders.yaml", 3, 5, "a.b")),
        (Problem(None, "odd", "is odd: very"), DescribedProblem("is odd: very", "key.yaml", None, None, None)),
        (Problem("x", "odd", "is 'odd'"), DescribedProblem("is 'odd'", "key.yaml", None, None, "x")),
        (
            Problem(None, "odd", "can't be read", line=7, column=1),
            DescribedProblem("can't be read", "key.yaml", 7, 1, None),
        ),
    ],
    ids=["all", "nothing", "field", "place"],
)
def test_it_is_read_back_as_it_was_said(lead: str, problem: Problem, expected: DescribedProblem) -> None:
    assert read(line_of(lead, problem, "key.yaml")) == expected
    assert read(f"{line_of(lead, problem, 'key.yaml')}\nWhat the author has written: more.") == expected


@given(names, st.one_of(st.none(), names), st.text(min_size=1, max_size=2000), st.integers(0, 5))
def test_any_names_and_texts_stay_one_line_of_bounded_length(key: str, field: str | None, text: str, more: int) -> None:
    line = line_of(LAST_GOOD, Problem(field, "odd", text), key, more)
    assert "\n" not in line
    assert len(line) <= 500
    assert read(line) is not None


@pytest.mark.parametrize("description", [None, "", "Orders.", "Config error", "Config error, nothing runs: x", "\n"])
def test_what_an_author_has_written_is_no_problem(description: str | None) -> None:
    assert read(description) is None


def test_of_several_problems_the_first_is_said_and_the_others_are_counted() -> None:
    error = InvalidError([PROBLEM, Problem("c", "odd", "is odd"), Problem("d", "odd", "is odd")])
    line = line_of_error(BROKEN, error, "key.yaml")
    assert line.endswith("is not a number. Write one (and 2 more)")
    assert line_of_error(BROKEN, ConfigError("is gone", config="k.yaml"), "other.yaml") == (
        "Config error, nothing runs. k.yaml: is gone"
    )


@pytest.mark.parametrize("piece", [", field '", ":1:1", ": ", "x"])
def test_the_first_line_of_any_description_is_read_in_no_time(piece: str) -> None:
    began = time.process_time()
    for _ in range(100):
        read(f"{WARNING}. {piece * 20_000}")
    assert time.process_time() - began < 2
