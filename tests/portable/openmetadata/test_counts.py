from __future__ import annotations

import pytest

from dag_factory.portable.openmetadata.counts import Counts, total

SOURCE = {"records": 14, "updated_records": 2, "warnings": 1, "errors": 0, "filtered": 3}


@pytest.mark.parametrize(
    ("summary", "counts"),
    [
        ({"Source": SOURCE, "Sink": {"records": 12, "warnings": 0, "errors": 2}}, Counts(16, 1, 2)),
        ({"Source": {}}, Counts(0, 0, 0)),
        ({"Source": {"records": "14", "errors": -1}}, Counts(0, 0, 0)),
        ({}, None),
        (None, None),
        ("14 records", None),
        ({"Source": 14}, None),
    ],
    ids=["two steps", "no counts", "odd counts", "no steps", "nothing", "a text", "an odd step"],
)  # fmt: skip
def test_records_are_counted_once_and_errors_of_all_steps(summary: object, counts: Counts | None) -> None:
    assert total(summary) == counts
