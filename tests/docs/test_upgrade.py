"""What docs/upgrade.md says lies where is what we put there."""

from __future__ import annotations

import re

import pytest

from dag_factory.settings.options import OPTIONS
from dag_factory.store.last_good import FOLDER
from dag_factory.store.own_files import is_own_file
from tests.places import ROOT

PAGE = (ROOT / "docs" / "upgrade.md").read_text()
UNINSTALL = PAGE.partition("## Uninstall")[2]


def test_each_hidden_file_of_a_store_is_named_and_no_other() -> None:
    (row,) = re.findall(r"^\| config store, hidden \| (.*?) \|", PAGE, re.MULTILINE)
    named = set(re.findall(r"`([^`]+)`", row))
    assert {name for name in named if not is_own_file(name)} == {FOLDER}
    constants = (ROOT / "dag_factory" / "store" / "own_files.py").read_text()
    assert set(re.findall(r'^[A-Z_]+ = "(\.[^"]+)"', constants, re.MULTILINE)) <= named


@pytest.mark.parametrize("setting", [name for name in OPTIONS if name.endswith("_folder") or name == "config_store"])
def test_each_folder_that_a_setting_names_is_said_to_stay(setting: str) -> None:
    assert (f"`{setting}`" in UNINSTALL) or (setting == "config_store" and "the config store" in UNINSTALL)
