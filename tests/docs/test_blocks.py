"""Every config in the docs is one, and every command is run somewhere."""

from __future__ import annotations

import json
import re
import shlex
from configparser import ConfigParser
from importlib.metadata import metadata
from pathlib import Path

import pytest
import yaml
from airflow.configuration import conf

from dag_factory.cli import NAME
from dag_factory.cli.__main__ import parser
from dag_factory.dag.builder import build_dag
from dag_factory.settings.options import OPTIONS, SECTION
from dag_factory.store import open_store
from dag_factory.store.catalog import Catalog
from tests.docs.blocks import PAGES, WRONG, Block, blocks, commands, in_language
from tests.places import ROOT, TESTS
from tests.stored import check, good, problem_of

CI = (ROOT / ".ci" / "run").read_text()
RELEASE = "test_release.py"
# Files of other programs, by their names.
OTHERS = (".github/", ".gitlab-ci", ".pre-commit-config", "values.yaml")
# Sections of providers that are not installed for tests.
OF_MISSING_PROVIDERS = {"celery"}
# What runs each other command, beside CI.
RUN_BY = {
    "cp sandbox/examples/customers.yaml .run/configs/": "sandbox/test_run.py",
    "export AIRFLOW_HOME=.run/airflow PATH=.venv/bin:$PATH": "sandbox/test_run.py",
    "rm -r .run/configs": "sandbox/test_run.py",
    "mkdir .run/configs": "sandbox/test_run.py",
    "cp -r sandbox/pipelines .run/configs/sandbox": "sandbox/test_run.py",
    'pip install ".[ingestion]"': "test_readme.py",
    'pip install --upgrade -c constraints.txt ".[ingestion]"': "test_readme.py",
    "airflow config list --section openmetadata_dag_factory --include-descriptions": "test_readme.py",
    "pip uninstall openmetadata-dag-factory": "../tools/dist.py",
    "python -m tests.upgrade": "upgrade/test_earlier_versions.py",
    "python -m tools.licences": "test_licences.py",
    "python -m tools.release 0.1.0": RELEASE,
    ".ci/run": "test_ci.py",
    ".ci/matrix": RELEASE,
    "git add tests/upgrade": RELEASE,
    'git commit --all --message "Release 0.1.0"': RELEASE,
    'git tag --annotate v0.1.0 --message "0.1.0"': RELEASE,
    "git push origin main v0.1.0": RELEASE,
}


def shown_files(page: Path) -> list[Block]:
    return [block for block in blocks(page) if block.language in {"yaml", "json"} and not is_other(block)]


def is_other(block: Block) -> bool:
    return (block.file or "").startswith(OTHERS)


def test_each_block_says_which_file_it_shows_and_can_be_read() -> None:
    for block in in_language("yaml", "json"):
        assert block.file is not None, f"{block.page}: which file is this?\n{block.text}"
        if WRONG not in block.note:
            (yaml.safe_load if block.language == "yaml" else json.loads)(block.text)


@pytest.mark.parametrize("page", [page for page in PAGES if shown_files(page)], ids=lambda page: page.name)
def test_each_config_that_a_page_shows_becomes_a_dag_and_each_wrong_one_does_not(page: Path, tmp_path: Path) -> None:
    shown = shown_files(page)
    for block in shown:
        path = tmp_path / str(block.file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text)
    wrong = {block.file for block in shown if WRONG in block.note}
    configs = list(Catalog(open_store(str(tmp_path)), check).all())
    assert {config.key for config in configs if problem_of(config) is not None} == wrong
    for config in good(config for config in configs if config.key not in wrong):
        build_dag(config)


def test_the_examples_of_a_folder_with_defaults_are_pipelines(tmp_path: Path) -> None:
    for block in shown_files(ROOT / "docs" / "configs.md"):
        path = tmp_path / str(block.file)
        path.parent.mkdir(exist_ok=True)
        path.write_text(block.text)
    found = {config.key: build_dag(config) for config in good(Catalog(open_store(str(tmp_path))).all())}
    orders, big = found["sales/orders.yaml"], found["sales/big.yaml"]
    assert orders.dag_id == "orders_metadata"
    assert orders.timezone.name == "Europe/Berlin"
    assert (big.dag_id, big.tasks[0].pool) == ("big_metadata", "ingestion")


def test_each_setting_that_a_block_of_airflow_s_configuration_shows_is_one() -> None:
    known = {section: set(described["options"]) for section, described in conf.configuration_description.items()}
    known[SECTION] = set(OPTIONS)
    found = 0
    for block in in_language("ini"):
        if block.text.startswith("# environment of "):
            # Of another program.
            continue
        shown = ConfigParser(interpolation=None)
        shown.read_string(block.text)
        for section in set(shown.sections()) - OF_MISSING_PROVIDERS:
            found += 1
            assert set(shown[section]) <= known[section], block.page
    assert found


COMMANDS = sorted({(block.page, command) for block in in_language("bash") for command in commands(block)})


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_each_command_is_run_by_ci_or_by_a_test_or_is_one_of_ours(page: str, command: str) -> None:
    if command.startswith("make "):
        assert re.search(rf" {re.escape(command)}( ONCE=1)?( 2>&1.*)?$", CI, re.MULTILINE)
    elif (arguments := of_ours(command)) is not None:
        assert parser().parse_args(arguments).func
    elif extras := re.match(rf'pip install "{NAME}\[([\w,]+)\]"', command):
        assert set(extras[1].split(",")) <= set(metadata(NAME).get_all("Provides-Extra") or [])
    else:
        assert command in RUN_BY, f"{page}: which test runs this?"
        assert (TESTS / RUN_BY[command]).is_file()


def test_each_command_of_ours_in_a_session_has_arguments_that_it_takes() -> None:
    for block in in_language("console"):
        for line in block.text.replace("\\\n", " ").splitlines():
            if line.startswith("$ ") and (arguments := of_ours(line.removeprefix("$ "))) is not None:
                # With it, argparse prints the help and ends.
                parser().parse_args([each for each in arguments if each != "--help"])


def of_ours(line: str) -> list[str] | None:
    """Return the arguments of a line that runs a command of ours, without what the shell takes; None for others."""
    words = shlex.split(line, comments=True)
    while words and re.fullmatch(r"\w+=.*", words[0]):
        words = words[1:]
    words = words[1:] if words[:1] == ["airflow"] else words
    if words[:1] != [NAME]:
        return None
    ends = [number for number, word in enumerate(words) if re.fullmatch(r"[|;>]+|[<&]+|2>.*", word)]
    return words[1 : ends[0] if ends else None]
