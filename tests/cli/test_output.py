from __future__ import annotations

import json

import pytest

from dag_factory.cli.finding_formats import as_github
from dag_factory.cli.output import print_json, print_lines
from dag_factory.configs.problem import Problem
from dag_factory.store.findings import Findings

# It changes the colour, the second in one character; and it begins a line that passes for one of ours.
NAME = "a\x1b[31m\x9b32m\r\nall is well.yaml"


def test_a_name_in_a_line_can_neither_steer_the_terminal_nor_begin_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_lines([f"  {NAME}: differs.", "", "next"])
    assert capsys.readouterr().out == "  a[31m32m all is well.yaml: differs.\n\nnext\n"


def test_json_has_names_as_they_are_and_nothing_that_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"file": NAME})
    out = capsys.readouterr().out
    assert json.loads(out) == {"file": NAME}
    assert not {"\x1b", "\x9b", "\r"}.intersection(out)


def test_an_annotation_is_one_line_that_does_not_steer_a_terminal() -> None:
    found = as_github(Findings(1, (Problem("name", "missing", "is missing", config=NAME),)))
    assert found == "::error file=a[31m32m%0Aall is well.yaml::name is missing.\n"
