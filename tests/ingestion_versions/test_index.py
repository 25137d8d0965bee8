from __future__ import annotations

import re

import pytest

from tests.ingestion_versions.__main__ import PINNED
from tests.ingestion_versions.index import beyond, listed, newest
from tests.places import ROOT

PRINTED = """\
openmetadata-ingestion (2.0.7.0)
Available versions: 2.0.7.0, 2.0.6.0, 1.13.6.3, 1.12.14.2, 1.12.9.0
  INSTALLED: 2.0.6.0
"""


def test_the_newest_release_of_a_minor_version_is_found() -> None:
    found = listed(PRINTED)
    assert [newest(found, minor) for minor in ("2.0", "1.12", "1.1", "2.1")] == ["2.0.7.0", "1.12.14.2", None, None]
    assert listed("ERROR: No matching distribution found\n") == []


@pytest.mark.parametrize(
    ("found", "later"),
    [(["2.0.7.0", "1.13.0.0"], None), (["2.1.0.0", "2.0.7.0"], "2.1.0.0"), (["3.0.0.0"], "3.0.0.0"), ([], None)],
)
def test_a_release_beyond_the_pin_is_noticed(found: list[str], later: str | None) -> None:
    assert beyond(found, [PINNED]) == later


def test_the_pin_is_that_of_pyproject_toml() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    ((least, most),) = re.findall(r'"openmetadata-ingestion>=([\d.]+),<([\d.]+)"', text)
    major, minor = map(int, PINNED.split("."))
    assert (least, most) == (PINNED, f"{major}.{minor + 1}")
