"""What of a pipeline would a deploy change?"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from dag_factory.api_server.sync.comparison import are_same, content, holds_masks
from tests.api_server.sync.servers import SAMPLE


def changed(path: str, value: Any) -> dict[str, Any]:
    document = deepcopy(SAMPLE)
    *above, name = path.split(".")
    found = document
    for each in above:
        found = found[each]
    found[name] = value
    return document


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("sourceConfig.config.includeViews", False),
        ("sourceConfig.config.schemaFilterPattern", {"includes": ["a"]}),
        ("airflowConfig.scheduleInterval", "5 * * * *"),
        ("airflowConfig.retries", 3),
        ("displayName", "Another"),
        ("loggerLevel", "DEBUG"),
        ("raiseOnError", False),
        ("fullyQualifiedName", "renamed.pg_metadata_hourly"),
        ("service.fullyQualifiedName", "renamed"),
        ("owners", [{"type": "user", "name": "ada"}]),
    ],
)
def test_what_a_run_or_a_dag_depends_on_counts(path: str, value: Any) -> None:
    assert not are_same(content(changed(path, value)), content(SAMPLE))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("version", 0.7),
        ("updatedAt", 1),
        ("updatedBy", "ada"),
        ("deployed", True),
        ("href", "https://elsewhere/api"),
        ("changeDescription", {"previousVersion": 0.1}),
        ("pipelineStatuses", [{"runId": "1"}]),
        ("openMetadataServerConnection", None),
        ("enableStreamableLogs", True),
        ("enabled", False),
        ("followers", []),
        ("description", SAMPLE["description"]),
        ("service.displayName", "The service"),
        ("service.href", "https://elsewhere"),
        ("sourceConfig.config.schemaFilterPattern", None),
        ("aFieldOfANewerServer", {"a": 1}),
    ],
)
def test_what_the_server_notes_for_itself_does_not_count(path: str, value: Any) -> None:
    assert are_same(content(changed(path, value)), content(SAMPLE))


def test_a_mask_stands_for_any_value_and_so_does_what_can_not_be_decrypted() -> None:
    theirs = changed("sourceConfig.config.password", "*********")
    for ours in ("p4ss", {"$fernet": "gAAA"}):
        assert are_same(content(theirs), content(changed("sourceConfig.config.password", ours)))
    assert holds_masks(theirs)
    assert not holds_masks(changed("description", "a *** in a text"))
    assert not are_same(content(changed("sourceConfig.config.a", "***")), content(SAMPLE))


def test_true_is_not_one() -> None:
    assert not are_same(content(changed("raiseOnError", 1)), content(SAMPLE))
    assert are_same(content(changed("airflowConfig.retries", 0.0)), content(SAMPLE))
