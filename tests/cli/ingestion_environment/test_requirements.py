from __future__ import annotations

import pytest

from dag_factory.cli.ingestion_environment.requirements import wanted
from dag_factory.errors import CommandError


@pytest.mark.parametrize(
    ("version", "extras", "expected"),
    [
        ("2.0.7.0", None, ["openmetadata-ingestion==2.0.7.0", "dbt-core<1.12"]),
        ("2.0", "postgres", ["openmetadata-ingestion[postgres]==2.0.*", "dbt-core<1.12"]),
        ("1.13.6", "", ["openmetadata-ingestion==1.13.6.*", "dbt-core<1.12"]),
        (
            "1.12.14.2",
            "snowflake, PII_processor,postgres,snowflake",
            ["openmetadata-ingestion[pii-processor,postgres,snowflake]==1.12.14.2", "dbt-core<1.12", "cachetools"],
        ),
    ],
)
def test_pip_gets_the_version_its_extras_and_what_it_does_not_state(
    version: str, extras: str | None, expected: list[str]
) -> None:
    assert wanted(version, extras).requirements == expected


@pytest.mark.parametrize(
    "version",
    [
        "", "2", "2.0.7.0.1", "2.0.*", "latest", "2.0.7.0 --index-url https://canary", "2.0.7.0\n", "-r", "2.0; os",
        "2.0.7.0 @ https://canary/x.whl", "\u0662.\u0660", "2.0,!=2.0.1", "99999.0",
    ],
)  # fmt: skip
def test_what_is_no_version_reaches_no_program(version: str) -> None:
    with pytest.raises(CommandError, match=r"^--version is not a version") as error:
        wanted(version, None)
    assert "canary" not in str(error.value)


@pytest.mark.parametrize(
    "extras", ["; rm", "postgres; rm", "postgres]", "a b", "--index-url=canary", "../x", "postgres\nmysql", "é", "a,-e"]
)
def test_what_is_no_extra_reaches_no_program(extras: str) -> None:
    with pytest.raises(CommandError, match=r"^--extras: number \d is not the name of an extra") as error:
        wanted("2.0.7.0", extras)
    assert "canary" not in str(error.value)


def test_a_version_that_has_not_been_tried_is_known_as_such() -> None:
    assert [wanted(version, None).is_tried for version in ("1.12", "1.13.6.3", "2.0")] == [True] * 3
    assert [wanted(version, None).is_tried for version in ("1.11", "2.1", "3.0")] == [False] * 3
