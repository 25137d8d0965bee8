"""The files that a browser loads: what they show is right, and they load nothing from elsewhere."""

from __future__ import annotations

import re

import pytest

from dag_factory.api_server.page.files import STATIC
from tests.places import ROOT

SCRIPTS = sorted(STATIC.glob("*.js"))
PAGES = sorted(STATIC.glob("*.html"))


def test_the_config_that_is_shown_as_an_example_is_that_of_the_readme() -> None:
    found = re.search(r"const EXAMPLE = `([^`]+)`", (STATIC / "notices.js").read_text())
    assert found is not None
    assert found.group(1) in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_makes_no_html_of_texts(path: object) -> None:
    script = (STATIC / str(path)).read_text()
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b|Function\(", script
    )


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_what_a_script_imports_is_there(path: object) -> None:
    for name in re.findall(r"""from "\./([^"]+)\"""", (STATIC / str(path)).read_text()):
        assert (STATIC / name).is_file()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_has_no_script_or_style_of_its_own_which_its_policy_would_refuse(path: object) -> None:
    page = (STATIC / str(path)).read_text()
    assert re.findall(r"<script(?! (?:type=\"module\" )?src=\"static/[a-z_]+\.js\"></script>)", page) == []
    assert not re.search(r"<style| style=| on[a-z]+=|//", page)
