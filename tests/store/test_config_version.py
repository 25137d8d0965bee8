from __future__ import annotations

from typing import Any

import pytest

from dag_factory.store.config import Config
from dag_factory.store.config_version import config_version, version_text


def version(**document: Any) -> dict[str, Any]:
    return config_version(Config("orders", "sales/orders.yaml", document))


def test_it_says_what_openmetadata_calls_the_version() -> None:
    found = version(name="orders", version=0.4, updatedAt=1700000000000)
    assert found.pop("digest")
    assert found == {"key": "sales/orders.yaml", "version": 0.4, "updatedAt": 1700000000000}


def test_any_change_but_that_of_a_secret_makes_another_digest() -> None:
    digest = version(name="orders", displayName="a", b={"password": "x"})["digest"]
    assert version(b={"password": "x"}, displayName="a", name="orders")["digest"] == digest
    assert version(name="orders", displayName="a", b={"password": "y"})["digest"] == digest
    assert version(name="orders", displayName="b", b={"password": "x"})["digest"] != digest
    assert version(name="orders", displayName="a", b={"password": "x"}, enabled=True)["digest"] != digest


@pytest.mark.parametrize(
    ("secret", "other"),
    [
        ({"password": 90210123}, {"password": 90210124}),
        ({"a": [{"name": "X-Api-Key", "value": "x"}]}, {"a": [{"name": "X-Api-Key", "value": "y"}]}),
        ({"href": "https://host/?sig=x"}, {"href": "https://host/?sig=y"}),
        ({"futureField": {"a": ["x"]}}, {"futureField": {"a": ["y"]}}),
        ({"futureField": 1234}, {"futureField": 1235}),
    ],
)
def test_no_digest_tells_of_a_secret_that_may_be_guessed(secret: dict[str, Any], other: dict[str, Any]) -> None:
    assert version(**secret) == version(**other)


def test_values_that_are_references_are_left_out() -> None:
    assert set(version(name="orders", version={"$env": "A"})) == {"key", "digest"}


def test_a_version_without_end_is_cut() -> None:
    assert len(version(name="orders", version="1\n" * 100_000)["version"]) == 300


def test_a_very_long_document_has_no_digest_for_that_would_take_a_second_at_each_parse() -> None:
    assert "digest" in version(name="a", description="x=1 " * 40_000)
    found = version(name="a", version=0.2, description="x=1 " * 60_000)
    assert "digest" not in found
    assert version_text(found) == "version 0.2"
    assert version_text({}) == "not known"
