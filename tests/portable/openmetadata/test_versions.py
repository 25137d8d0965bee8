from __future__ import annotations

import pytest

from dag_factory.portable.openmetadata.versions import fits


@pytest.mark.parametrize(
    ("ingestion", "server", "fit"),
    [
        ("2.0.7.0", "2.0.6", True),
        ("2.0.7.0", "2.0.0-SNAPSHOT", True),
        ("1.12.14.2", "1.12.0", True),
        ("1.12.14.2", "2.0.6", False),
        ("1.1.0.0", "1.12.0", False),
        ("2.0.7.0", "2.1.0", False),
        (None, "2.0.6", None),
        ("2.0.7.0", None, None),
        ("2.0.7.0", "latest", None),
    ],
)
def test_the_first_two_numbers_count(ingestion: str | None, server: str | None, fit: bool | None) -> None:
    assert fits(ingestion, server) is fit
