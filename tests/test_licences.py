"""tools/licences.py: the licences of what the wheel needs are known, accepted, and on the page."""

from __future__ import annotations

from email.message import Message
from importlib.metadata import Distribution, distribution
from os import PathLike
from pathlib import Path
from typing import cast

import pytest
from packaging.requirements import Requirement

from tests.places import ROOT
from tools.licences import (
    DISTRIBUTION,
    KNOWN_EXCEPTIONS,
    OF_EXTRAS,
    PAGE,
    Package,
    direct,
    is_accepted,
    is_the_tested_set,
    licence_of,
    needed,
    page,
)


@pytest.fixture(scope="module")
def installed() -> dict[str, Package]:
    """What the wheel needs of what is installed."""
    return needed()


class Installed(Distribution):
    """A package that is installed with some metadata."""

    def __init__(self, **fields: str | list[str]) -> None:
        self.fields = Message()
        for name, values in ({"Name": "given"} | fields).items():
            for value in [values] if isinstance(values, str) else values:
                self.fields[name.replace("_", "-")] = value

    def read_text(self, filename: str) -> str | None:
        return self.fields.as_string() if filename == "METADATA" else None

    def locate_file(self, path: str | PathLike[str]) -> Path:
        raise NotImplementedError


def test_each_package_that_the_wheel_needs_has_a_known_and_accepted_licence(installed: dict[str, Package]) -> None:
    assert {"apache-airflow-core", "pydantic", "rich"} <= installed.keys()
    assert [package for package in installed.values() if not is_accepted(package)] == []


def test_the_page_is_as_what_is_installed(installed: dict[str, Package]) -> None:
    if not is_the_tested_set(installed):
        pytest.skip("other versions than those of constraints.txt, or another Python than that of the page")
    assert PAGE.read_text() == page(installed), "run: python -m tools.licences"


def test_what_pyproject_asks_for_is_on_the_page_by_name() -> None:
    asked = distribution(DISTRIBUTION).requires or []
    needs = [each for each in map(Requirement, asked) if each.marker is None]
    assert [each.name for each in needs if f"\n| {each.name} |" not in PAGE.read_text()] == []
    assert len(direct()) >= len(needs)


def test_each_package_of_an_extra_is_on_the_page_but_for_those_of_airflow_and_of_developers() -> None:
    extras = [text for text in distribution(DISTRIBUTION).requires or [] if "extra ==" in text]
    named = {Requirement(text).name for text in extras if 'extra == "dev"' not in text.replace("'", '"')}
    assert {name for name in named if not name.startswith("apache-airflow")} == OF_EXTRAS.keys()


def test_an_exception_that_is_not_needed_any_more_is_no_longer_named(installed: dict[str, Package]) -> None:
    if is_the_tested_set(installed):
        assert [name for name in KNOWN_EXCEPTIONS if name not in installed] == []


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ({"License_Expression": "MIT AND PSF-2.0"}, "MIT AND PSF-2.0"),
        ({"License": "Apache-2.0"}, "Apache-2.0"),
        ({"License": "BSD 2-Clause License"}, "BSD-2-Clause"),
        ({"Classifier": "License :: OSI Approved :: MIT License"}, "MIT"),
        (
            {
                "License": "Dual License",
                "Classifier": [
                    "License :: OSI Approved :: BSD License",
                    "License :: OSI Approved :: Apache Software License",
                ],
            },
            "Apache-2.0 OR BSD-3-Clause",
        ),
        ({"License": "a long text", "Classifier": "Programming Language :: Python"}, None),
        ({"Classifier": "License :: OSI Approved :: GNU Affero General Public License v3"}, None),
        ({}, None),
    ],
)
def test_a_licence_is_read_from_what_a_package_says(fields: dict[str, str | list[str]], licence: str | None) -> None:
    assert licence_of(cast("Distribution", Installed(**fields))) == licence


@pytest.mark.parametrize(
    ("licence", "accepted"),
    [
        ("MIT", True),
        ("GPL-3.0-only OR Apache-2.0", True),
        ("(MIT AND PSF-2.0)", True),
        ("MIT AND AGPL-3.0-only", False),
        ("LGPL-3.0-or-later", False),
        ("", False),
        (None, False),
    ],
)
def test_a_licence_is_accepted_only_where_all_of_a_choice_is(licence: str | None, accepted: bool) -> None:
    assert is_accepted(Package("given", "1.0", licence)) is accepted


def test_the_wheel_carries_licence_and_notice() -> None:
    assert 'license-files = ["LICENSE", "NOTICE"]' in (ROOT / "pyproject.toml").read_text()
    assert "Collate" in (ROOT / "NOTICE").read_text()
