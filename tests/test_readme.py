"""README.md, CONTRIBUTING.md and docs/: the installation works, tables are complete, links lead somewhere."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dag_factory.portable.openmetadata.pipeline_types import OBSOLETE_TYPES, PIPELINE_TYPES
from dag_factory.portable.secrets.references import FORMS
from dag_factory.settings.provider import get_provider_info
from dag_factory.task.run_conf import KEYS
from tests.docs.blocks import PAGES as PATHS
from tests.docs.blocks import blocks
from tests.places import ROOMS, ROOT

PAGES = {path: path.read_text() for path in PATHS}
TEXT = "\n".join(PAGES.values())


def test_every_target_and_every_module_that_a_text_names_is_there() -> None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for target in re.findall(r"`make ([\w-]+)", TEXT):
        assert target in targets
    for module in re.findall(r"`python -m ([\w.]+)", TEXT):
        assert importlib.util.find_spec(module) is not None, module


@pytest.mark.e2e
def test_the_installation_leads_to_an_airflow_that_loads_a_config(tmp_path: Path) -> None:
    (block,) = (block.text for block in blocks(ROOT / "README.md") if block.text.count("pip install"))
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "AIRFLOW_HOME": str(tmp_path),
        "PIP_CONSTRAINT": str(ROOT / "constraints.txt"),
    }

    def bash(script: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    # What is to be installed is installed here, and must stay as it is.
    bash(block.replace("pip install", "pip install --dry-run"))
    for upgrade in (block for block in blocks(ROOT / "docs" / "upgrade.md") if "pip install" in block.text):
        bash(upgrade.text.replace("pip install", "pip install --dry-run"))
    shutil.copy(ROOT / "configs" / "sample_sqlite_metadata.json", tmp_path / "configs")
    (listed,) = (block.text for block in blocks(ROOT / "docs" / "settings.md") if "config list" in block.text)
    assert "last_good_folder" in bash(listed)
    bash("airflow db migrate")
    bash("airflow dags reserialize")
    assert "sample_sqlite_metadata" in bash("airflow dags list --output plain")
    assert bash("airflow dags list-import-errors").rstrip().endswith("No data found")


def test_every_setting_and_every_reference_is_described() -> None:
    ((section, content),) = get_provider_info()["config"].items()
    assert f"All settings are in the section `[{section}]`" in PAGES[ROOT / "docs" / "settings.md"]
    for option, described in content["options"].items():
        default = f"`{described['default']}`" if described["default"] else "empty"
        assert f"| `{option}` | {default} |" in PAGES[ROOT / "docs" / "settings.md"]
    for form in FORMS:
        assert f'`{{"{form}":' in TEXT


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", PAGES[page]):
        linked = (page.parent / target).resolve() if target else page
        assert linked.is_file(), target
        assert not anchor or anchor in anchors(linked), f"{target}#{anchor}"


def anchors(page: Path) -> set[str]:
    """Return what the headings of a page can be linked by."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_type_and_every_key_of_a_conf_is_described() -> None:
    for name, kind in PIPELINE_TYPES.items():
        assert f"| `{name}` | `{kind.task_id}` |" in TEXT
    for name in OBSOLETE_TYPES:
        assert f"`{name}` has become" in TEXT
    for key in KEYS:
        assert f"| `{key}` |" in TEXT


def test_every_test_that_the_docs_name_is_there() -> None:
    pages = (ROOT / "docs").glob("*.md")
    named = [(page.name, name) for page in pages for name in re.findall(r"`([\w/]*test_\w+\.py)`", page.read_text())]
    assert named
    assert [(page, name) for page, name in named if not (ROOT / "tests" / name.removeprefix("tests/")).is_file()] == []


def test_every_place_that_contributing_and_architecture_name_is_there() -> None:
    found = 0
    for page in (ROOT / "CONTRIBUTING.md", ROOT / "docs" / "architecture.md"):
        for path in re.findall(r"`((?:dag_factory|tests|dags|sandbox|docs|tools)/[\w/.]*)`", PAGES[page]):
            found += 1
            place = ROOT / path
            assert place.is_dir() if path.endswith("/") else place.is_file(), f"{page.name}: {path}"
    assert found > 50


def test_contributing_says_of_each_room_where_it_and_its_tests_are() -> None:
    rows = re.findall(r"^\| [^|]+ \| `dag_factory/([\w/]+)/` \| `tests/([\w/]+)/` \|$", TEXT, re.MULTILINE)
    assert sorted(rows) == [(room, room) for room in ROOMS if room not in {"api_server", "portable"}]


def test_the_architecture_has_each_room_and_no_other() -> None:
    rows = re.findall(r"^\| `dag_factory/([\w/]+)/` \|", PAGES[ROOT / "docs" / "architecture.md"], re.MULTILINE)
    assert sorted(rows) == ROOMS


def test_the_hooks_before_a_commit_are_what_make_lint_runs() -> None:
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    assert {hook["language"] for hook in repository["hooks"]} == {"system"}
    assert not any(hook["pass_filenames"] for hook in repository["hooks"])
    recipe = (ROOT / "Makefile").read_text().partition("\nlint: env\n")[2].partition("\n\n")[0]
    lines = [line.strip().replace("$(BIN)", ".venv/bin") for line in recipe.splitlines()]
    assert [hook["entry"] for hook in repository["hooks"]] == lines
