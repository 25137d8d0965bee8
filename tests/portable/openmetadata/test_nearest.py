"""Which known name was probably meant."""

from __future__ import annotations

import pytest

from dag_factory.portable.openmetadata.nearest import nearest

KNOWN = ("dbt", "name", "owners", "retries", "sourceConfig", "types")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("names", "name"),
        ("NAME", "name"),
        ("source_config", "sourceConfig"),
        ("sourceConfg", "sourceConfig"),
        # Two swapped letters leave three quarters of a short name alike, which is up to six letters.
        ("nmae", "name"),
        ("dbtxx", "dbt"),
        ("tpyes", "types"),
        ("ownerx", "owners"),
        ("retrys", "retries"),
        ("owxxrs", None),
        ("lineage", None),
        ("", None),
    ],
)
def test_a_name_that_is_like_a_known_one_is_taken_for_it(name: str, meant: str | None) -> None:
    assert nearest(name, KNOWN) == meant


@pytest.mark.parametrize(("length", "is_compared"), [(64, True), (65, False)])
def test_a_long_text_is_not_compared(length: int, is_compared: bool) -> None:
    known = "x" * 64
    assert nearest("X" * length, (known,)) == (known if is_compared else None)
