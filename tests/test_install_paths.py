"""docs/install.md: each way that it has is one that `.ci/install-paths` runs, and says what has to come after."""

from __future__ import annotations

import re

from dag_factory import __version__
from tests.docs.blocks import blocks
from tests.places import ROOT
from tools.install_paths import WAYS, pinned

PAGE = ROOT / "docs" / "install.md"
# What each way runs, by what the page shows of it.
SHOWN = {
    "pip install --constraint constraints.txt WHEEL": "tested-set",
    'pip install --constraint constraints-3.12.txt "apache-airflow==3.3.2" WHEEL': "after-airflow",
    "uv pip install --constraint constraints.txt WHEEL": "uv",
    "uv tool install --constraints constraints.txt WHEEL": "uv-tool",
    "openmetadata-dag-factory validate configs": "uv-tool",
    "pip download --constraint constraints.txt --dest packages WHEEL": "offline",
    "pip install --no-index --find-links packages openmetadata-dag-factory": "offline",
}
# Where there is no container engine and no cluster.
NOT_RUN = ("docker build ", "helm upgrade ")


def test_each_command_of_the_page_is_run_in_a_fresh_environment_or_said_not_to_be() -> None:
    shown = [line for block in blocks(PAGE) if block.language == "text" for line in block.text.splitlines()]
    installing = [line for line in shown if line != "make dist" and not line.startswith(NOT_RUN)]
    assert sorted(installing) == sorted(SHOWN)
    assert set(SHOWN.values()) == set(WAYS)
    text = " ".join(PAGE.read_text().split())
    assert "It was not built by us" in text
    assert "It was not tried in a cluster" in text


def test_the_page_names_this_version_and_the_tested_one_of_airflow() -> None:
    text = PAGE.read_text()
    assert set(re.findall(r"openmetadata_dag_factory-([\d.]+)-py3", text)) == {__version__}
    assert set(re.findall(r"apache-airflow==([\d.]+)", text)) == {pinned("apache-airflow")}
    assert set(re.findall(r"openmetadata-ingestion==([\d.]+)", text)) == {pinned("openmetadata-ingestion")}
    assert f"Airflow {pinned('apache-airflow')} and" in text


def test_the_page_leads_to_each_way_that_there_is() -> None:
    readme = (ROOT / "README.md").read_text()
    assert "docs/install.md" in readme
    assert all(way.__doc__ for way in WAYS.values())
