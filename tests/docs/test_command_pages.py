"""docs/commands: each command has a page, each option is in it, and each example prints what the page shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from airflow.cli.cli_config import ActionCommand
from packaging.requirements import Requirement

from dag_factory.cli import all_commands
from dag_factory.cli.__main__ import parser
from tests.docs.console import PAGES, Command, agree, commands_in, is_shown, module_of, run, within, world
from tests.docs.program import NAME, program
from tests.forked_python import ForkedPython

NAMES = sorted(command.name for command in all_commands())


def pages() -> Iterator[object]:
    others = [page for page in PAGES.parent.glob("*.md") if commands_in(page.read_text())]
    for page in sorted([*PAGES.glob("*.md"), *others]):
        module = module_of(page)
        marks = getattr(import_module(module), "MARKS", ()) if module is not None else ()
        yield pytest.param(page, id=page.stem, marks=[getattr(pytest.mark, mark) for mark in marks])


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory, forked_python: ForkedPython) -> Iterator[Path]:
    with program(tmp_path_factory.mktemp("program"), forked_python) as folder:
        yield folder


def test_each_command_has_a_page_and_each_page_is_one_of_a_command() -> None:
    assert sorted(page.stem for page in PAGES.glob("*.md")) == NAMES


@pytest.mark.parametrize("command", all_commands(), ids=lambda command: command.name)
def test_a_page_mentions_each_option_of_its_command(command: ActionCommand) -> None:
    page = (PAGES / f"{command.name}.md").read_text()
    flags = [flag for argument in command.args for flag in argument.flags if flag.startswith("--")]
    assert [flag for flag in flags if flag not in page] == []
    assert page.startswith(f"# {command.name}\n")


@pytest.mark.slow
@pytest.mark.parametrize("page", list(pages()))
def test_the_examples_of_a_page_print_what_it_shows(page: Path, tmp_path: Path, ours: Path) -> None:
    commands = commands_in(page.read_text())
    assert any("openmetadata-dag-factory" in command.text for command in commands)
    folder = within(tmp_path)
    with world(page, folder) as env:
        done = run(commands, folder, ours, env)
    for place, (command, each) in enumerate(zip(commands, done, strict=True)):
        assert agree(command.expected, each.output), f"$ {command.text}\n" + "\n".join(each.output)
        assert each.code == 0 or is_shown(commands, place), f"$ {command.text} has exit code {each.code}"


def test_the_commands_of_the_recipes_for_ci_can_be_run() -> None:
    text = (PAGES.parent / "validate.md").read_text()
    blocks = re.findall(r"^```(?:yaml|bash)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    commands = [
        line
        for block in blocks
        for line in re.findall(r"openmetadata-dag-factory (validate .*?)(?: >.*)?$", block, re.M)
    ]
    assert len(commands) >= 4
    for command in commands:
        assert parser().parse_args(command.split()).func is not None


def test_the_recipes_for_ci_install_this_package_from_its_repository() -> None:
    installed = re.findall(r'pip install "(.+)"$', (PAGES.parent / "validate.md").read_text(), re.MULTILINE)
    assert len(installed) == 2
    for each in map(Requirement, installed):
        assert (each.name, each.url) == (NAME, f"git+https://github.com/OWNER/{NAME}")


def test_what_a_page_shows_is_compared_but_for_what_varies() -> None:
    page = "```console\n$ a \\\n> b\none …\n…\nat 2027-01-31 03:00:00 UTC\n$ c\n```\ntext\n```console\n$ d\n```\n"
    (first, second, third) = commands_in(page)
    assert (first.text, second.text, third.text) == ("a \\\nb", "c", "d")
    assert page[first.start : first.end] == "one …\n…\nat 2027-01-31 03:00:00 UTC\n"
    assert (second.expected, third.expected) == ((), ())
    assert agree(first.expected, ["one two", "x", "y", "at 2028-02-01 04:00:01.5 UTC"])
    assert agree(first.expected, ["one x", "at 2028-02-01 04:00 UTC"])
    assert not agree(first.expected, ["two", "at 2028-02-01 04:00 UTC"])
    assert not agree(first.expected, ["one two", "x"])
    assert not agree(second.expected, ["more"])


def test_an_exit_code_that_readers_do_not_see_is_noticed() -> None:
    commands = [Command("false", (), 0, 0), Command("echo $?", ("1",), 0, 0), Command("false", (), 0, 0)]
    assert [is_shown(commands, place) for place in range(3)] == [True, False, False]
