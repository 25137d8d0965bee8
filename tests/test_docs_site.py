"""mkdocs.yml and tools/docs_site.py: the docs as a site, whose links lead to pages and which asks no other host."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.places import ROOT
from tools.docs_site import PAGES, for_the_site, heading_id

OUTSIDE = re.compile(r"""<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=["']?((?:https?:)?//[^"'\s>]+)""")


def named(nav: list[Any]) -> list[str]:
    """Return the pages of a navigation."""
    found = []
    for entry in nav:
        below = next(iter(entry.values())) if isinstance(entry, dict) else entry
        found += named(below) if isinstance(below, list) else [below]
    return found


def test_each_page_is_in_the_navigation_and_each_of_those_is_there() -> None:
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    nav = named(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    assert len(nav) == len(set(nav))
    assert {page for page in nav if page != "commands/"} == {*PAGES.values(), *pages} - {
        page for page in pages if page.startswith("commands/")
    }


@pytest.mark.parametrize(
    ("page", "link", "changed"),
    [
        ("configs.md", "[runs](runs.md#types)", "[runs](runs.md#types)"),
        ("configs.md", "[new](../CHANGELOG.md)", "[new](changelog.md)"),
        ("configs.md", "[codes](../dag_factory/cli/exits.py)", "codes"),
        ("configs.md", "[here](#names)", "[here](#names)"),
        ("configs.md", "[out](https://example.com/a.md)", "[out](https://example.com/a.md)"),
        ("index.md", "![list](docs/images/dags.png)", "![list](images/dags.png)"),
        ("index.md", "[it](docs/commands/init.md)", "[it](commands/init.md)"),
        ("index.md", "[![a](docs/images/dags.png)](docs/page.md)", "[![a](images/dags.png)](page.md)"),
        ("commands/init.md", "[store](../configs.md#names)", "[store](../configs.md#names)"),
        ("commands/init.md", "[start](../../README.md)", "[start](../index.md)"),
        ("benchmarks.md", "[`results`](results.md#a)", "[`results`](benchmark-results.md#a)"),
        ("configs.md", "```\n[a](../CHANGELOG.md)\n```\n", "```\n[a](../CHANGELOG.md)\n```\n"),
    ],
)
def test_a_link_of_the_repository_becomes_one_of_the_site(page: str, link: str, changed: str) -> None:
    assert for_the_site(link, page) == changed


def test_a_heading_is_linked_as_in_the_repository() -> None:
    assert heading_id("When a run doesn't end", "-") == "when-a-run-doesnt-end"
    assert heading_id("… a pipeline type", "-") == "-a-pipeline-type"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    mkdocs = Path(sys.executable).with_name("mkdocs")
    done = subprocess.run(
        [mkdocs, "build", "--strict", "--site-dir", folder], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_asks_no_other_host(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        assert OUTSIDE.findall(page.read_text()) == [], page.name
        assert 'data-md-component="search"' in page.read_text(), page.name
    for style in site.rglob("*.css"):
        assert "url(http" not in style.read_text()


@pytest.mark.slow
def test_lists_are_lists_on_the_site_too(site: Path) -> None:
    for page in site.rglob("*.html"):
        # What a list without an empty line before it has become.
        assert not re.search(r"<p>[^<]*\n(?:- |\* |\d+\. )", page.read_text()), page.name
