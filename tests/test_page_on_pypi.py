"""hatch_build.py: what the page on PyPI shows, which has no files beside it."""

from __future__ import annotations

import importlib.util
import re
import sys
from types import ModuleType
from typing import Any

import pytest

from tests.places import ROOT

REPOSITORY = "https://git.example.com/data/factory"


class MetadataHookInterface:
    """In place of hatchling's, which is installed only while a package is built."""

    def __init__(self, root: str, config: dict[str, Any]) -> None:
        self.root = root
        self.config = config


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    interface = ModuleType("hatchling.metadata.plugin.interface")
    vars(interface)["MetadataHookInterface"] = MetadataHookInterface
    monkeypatch.setitem(sys.modules, interface.__name__, interface)
    for name in ("hatchling", "hatchling.metadata", "hatchling.metadata.plugin"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def metadata(hook: ModuleType, repository: str) -> dict[str, Any]:
    filled: dict[str, Any] = {}
    hook.PageOnPyPI(str(ROOT), {"repository": repository}).update(filled)
    return filled


def test_every_link_and_picture_is_an_address_of_the_repository(hook: ModuleType) -> None:
    text = metadata(hook, f"{REPOSITORY}/")["readme"]["text"]
    targets = re.findall(r"(!?)\[[^\]]*\]\(([^)]+)\)", text)
    assert len(targets) > 10
    for mark, target in targets:
        assert target.startswith("https://")
        if target.startswith(REPOSITORY):
            kind, path = target.removeprefix(f"{REPOSITORY}/").split("/HEAD/")
            assert kind == ("raw" if mark else "blob")
            assert (ROOT / path.partition("#")[0]).is_file()
    assert f"![The page of all pipelines in Airflow's UI]({REPOSITORY}/raw/HEAD/docs/images/page.png)" in text


def test_the_links_beside_the_page_lead_to_files_that_are_there(hook: ModuleType) -> None:
    urls = metadata(hook, REPOSITORY)["urls"]
    assert urls["Source"] == REPOSITORY
    files = [url.partition("/blob/HEAD/")[2] for url in urls.values() if "/blob/" in url]
    assert len(files) == 3
    assert all((ROOT / file).is_file() for file in files)


def test_without_an_address_the_readme_is_as_it_is(hook: ModuleType) -> None:
    filled = metadata(hook, "")
    assert filled == {
        "readme": {"content-type": "text/markdown", "text": (ROOT / "README.md").read_text()},
        "urls": {},
    }
