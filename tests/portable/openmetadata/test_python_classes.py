"""Python classes: a prefix of the setting stands for whole parts of a path."""

from __future__ import annotations

from typing import Any

import pytest

from dag_factory.errors import ConfigError
from dag_factory.portable.openmetadata.python_classes import check_class


def check(name: Any, *allowed: str) -> None:
    check_class(name, allowed, field="sourcePythonClass")


@pytest.mark.parametrize("prefix", ["metadata.", "metadata", "metadata.applications.", "metadata.applications.x.App"])
def test_a_class_below_a_prefix_may_be_imported(prefix: str) -> None:
    check("metadata.applications.x.App", "acme.", prefix)


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("metadatax.App", "metadata."),
        ("metadatax.App", "metadata"),
        ("os.system", "metadata."),
        ("acme.apps2.App", "acme.apps"),
        ("metadata.applications.App", ""),
        ("metadata.applications.App", "."),
        ("metadata.applications.App", "*"),
        ("metadata.applications.App", " metadata."),
    ],
)
def test_any_other_class_is_refused_with_what_is_open_and_who_can_open_more(name: str, prefix: str) -> None:
    with pytest.raises(ConfigError, match=r"is not open to configs \(open: .*\)\. Ask Airflow's operator") as error:
        check(name, prefix)
    assert name not in str(error.value)
    assert error.value.field == "sourcePythonClass"


def test_where_nothing_is_open_the_refusal_says_so() -> None:
    with pytest.raises(ConfigError, match=r"\(open: none\)"):
        check("metadata.applications.App")


@pytest.mark.parametrize(
    "name",
    [
        ".metadata.App", "..os.system", "metadata..os.system", "metadata.", "metadata", "metadata.App ",
        " metadata.App", "metadata.App\n", "metadata.\x00App", "metadata/../os.system", "metadata.App()",
        "metadata.App;os", "ｍetadata.App", "metadаta.App", "metadata.1App", "metadata.{{ x }}",  # noqa: RUF001
        "metadata." + "a" * 492,
        7, ["metadata.App"], {"$env": "APP"},
    ],
)  # fmt: skip
def test_what_is_not_a_dotted_path_of_plain_names_is_refused(name: Any) -> None:
    with pytest.raises(ConfigError, match="is not the dotted path of a Python class"):
        check(name, "metadata.")


def test_the_longest_path_is_one() -> None:
    check("metadata." + "a" * 491, "metadata.")


@pytest.mark.parametrize("name", [None, ""])
def test_a_missing_class_is_said_to_be_missing(name: Any) -> None:
    with pytest.raises(ConfigError, match=r"is missing\. Name the Python class to run"):
        check(name, "metadata.")
