"""tools/reference.py: what of the docs is made from the code is as the code is now."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.cli.cli_config import Arg

from dag_factory.cli import all_commands
from dag_factory.settings.options import OPTIONS
from tests.places import ROOT
from tools.markdown import cell
from tools.reference import MORE, PARTS, called, meaning, written

MADE = [page for page in sorted((ROOT / "docs").glob("*.md")) if "made by tools/reference.py" in page.read_text()]


@pytest.mark.parametrize("page", MADE, ids=lambda page: page.name)
def test_each_page_is_as_the_code_is(page: Path) -> None:
    assert page.read_text() == written(page.read_text()), "run: python -m tools.reference"


def test_each_part_is_on_a_page() -> None:
    text = "".join(page.read_text() for page in MADE)
    assert [name for name in PARTS if f"<!-- made by tools/reference.py: {name} -->" not in text] == []
    for command in all_commands():
        assert f"\n### {command.name}\n" in text


def test_a_page_without_a_part_stays_as_it_is() -> None:
    assert written("# By hand\n") == "# By hand\n"


def test_what_stands_around_a_part_stays() -> None:
    page = "before\n\n<!-- made by tools/reference.py: settings -->\nnot made yet\n<!-- end -->\n\nafter\n"
    made = written(page)
    assert made.startswith("before\n\n<!--")
    assert made.endswith("<!-- end -->\n\nafter\n")
    assert "not made yet" not in made


def test_what_says_more_is_of_a_setting_that_is_there() -> None:
    assert set(MORE) <= set(OPTIONS)


@pytest.mark.parametrize(
    ("argument", "name", "said"),
    [
        (Arg(("--shards",), help="How many", type=int, default=64), "`--shards SHARDS`", "How many. Default: `64`."),
        (Arg(("--force",), help="Overwrite", action="store_true"), "`--force`", "Overwrite."),
        (Arg(("path",), help="Files", nargs="*", metavar="PATH"), "`PATH`", "Files."),
        (
            Arg(("-o", "--output"), help="How", choices=("text", "json"), default="text"),
            "`-o OUTPUT`, `--output OUTPUT`",
            "How. One of `text`, `json`. Default: `text`.",
        ),
        (Arg(("--dag-id",), help="Whose", required=True), "`--dag-id DAG_ID`", "Whose. Required."),
    ],
    ids=["number", "flag", "positional", "choice", "required"],
)
def test_an_argument_is_named_as_it_is_written(argument: Arg, name: str, said: str) -> None:
    assert (called(argument), meaning(argument)) == (name, said)


def test_a_text_is_one_line_that_no_table_takes_for_its_own() -> None:
    assert cell("a | b\n[c] <d>\n* e") == r"a \| b \[c] \<d> \* e"
