"""README.md and docs/: commands run, examples build, tables are complete, links lead somewhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dag_factory.dag.builder import build_dag
from dag_factory.openmetadata.pipeline_types import OBSOLETE_TYPES, PIPELINE_TYPES
from dag_factory.provider import get_provider_info
from dag_factory.secrets.references import FORMS
from dag_factory.store import open_store
from dag_factory.store.catalog import Catalog
from dag_factory.task.run_conf import KEYS
from tests.places import ROOT

PAGES = {path: path.read_text() for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]}
TEXT = "\n".join(PAGES.values())
CI = (ROOT / ".ci" / "run").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    "command", [line for block in blocks("bash") for line in block.splitlines() if "make " in line]
)
def test_every_make_command_is_run_by_ci_or_is_part_of_one_that_is(command: str) -> None:
    assert command in CI or f"{command} ONCE=1" in CI


def test_the_installation_leads_to_an_airflow_that_loads_a_config(tmp_path: Path) -> None:
    (block,) = (block for block in blocks("bash") if "pip install" in block)
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
    shutil.copy(ROOT / "configs" / "sample_sqlite_metadata.json", tmp_path / "configs")
    bash("airflow db migrate")
    bash("airflow dags reserialize")
    assert "sample_sqlite_metadata" in bash("airflow dags list --output plain")
    assert bash("airflow dags list-import-errors").rstrip().endswith("No data found")


def test_the_examples_of_a_folder_with_defaults_are_pipelines(tmp_path: Path) -> None:
    for block in blocks("yaml"):
        path = tmp_path / block.splitlines()[0].removeprefix("# ")
        path.parent.mkdir(exist_ok=True)
        path.write_text(block)
    big, orders = (build_dag(config) for config in Catalog(open_store(str(tmp_path))).all())
    assert orders.dag_id == "orders_metadata"
    assert orders.timezone.name == "Europe/Berlin"
    assert (big.dag_id, big.tasks[0].pool) == ("big_metadata", "ingestion")


def test_every_setting_and_every_reference_is_described() -> None:
    ((section, content),) = get_provider_info()["config"].items()
    for option, described in content["options"].items():
        default = f"`{described['default']}`" if described["default"] else "empty"
        assert f"| `[{section}] {option}` | {default} |" in TEXT
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
    assert [(page, name) for page, name in named if not (ROOT / "tests" / name).is_file()] == []
