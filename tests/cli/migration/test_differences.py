from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from dag_factory.cli.migration.differences import differences
from dag_factory.configs.pipeline import IngestionPipeline

NOW = datetime(2026, 11, 27, tzinfo=timezone.utc)
# As the plugin writes it: all defaults are filled in.
DEFAULTS = {
    "pausePipeline": False, "concurrency": 1, "startDate": None, "endDate": None, "pipelineTimezone": "UTC",
    "retries": 0, "retryDelay": 300, "pipelineCatchup": False, "scheduleInterval": None, "maxActiveRuns": 1,
    "workflowTimeout": None, "workflowDefaultView": "tree", "workflowDefaultViewOrientation": "LR", "email": None,
}  # fmt: skip


def found(fields: dict[str, Any] | None = None, **airflow: Any) -> dict[str, str]:
    document = {"name": "a", "pipelineType": "metadata", "airflowConfig": {**DEFAULTS, **airflow}, **(fields or {})}
    pipeline = IngestionPipeline.model_validate(document)
    return {each.field: each.here for each in differences(pipeline, document, NOW)}


def test_a_pipeline_that_uses_none_of_it_is_not_named() -> None:
    assert found() == {}
    assert found(scheduleInterval="0 3 * * *", retries=3, startDate="2020-01-01T00:00:00Z", pausePipeline=True) == {}


@pytest.mark.parametrize(
    ("airflow", "expected"),
    [
        (
            {"scheduleInterval": "0 3 * * *", "pipelineTimezone": "Europe/Berlin"},
            {"airflowConfig.pipelineTimezone": "0 3 * * * in Europe/Berlin"},
        ),
        ({"pipelineTimezone": "Europe/Berlin"}, {}),
        (
            {"scheduleInterval": "@daily", "startDate": "2027-01-01T00:00:00Z"},
            {"airflowConfig.startDate": "2027-01-01 00:00 UTC"},
        ),
        ({"startDate": "2027-01-01T00:00:00Z"}, {}),
        ({"retries": 2, "retryDelay": 60}, {"airflowConfig.retryDelay": "60 s"}),
        ({"retryDelay": 60}, {}),
        ({"email": "a@example.com,b@example.com"}, {"airflowConfig.email": "a@example.com, b@example.com"}),
        ({"workflowTimeout": 3600}, {"airflowConfig.workflowTimeout": "a run ends after 1:00:00"}),
        ({"scheduleInterval": "@hourly", "pipelineCatchup": True}, {"airflowConfig.pipelineCatchup": "@hourly"}),
    ],
)
def test_each_field_that_has_another_effect_now_is_named_where_it_is_used(
    airflow: dict[str, Any], expected: dict[str, str]
) -> None:
    assert found(**airflow) == expected


def test_variables_that_the_plugin_has_replaced_are_named_and_patterns_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP", "orders")
    includes = ["^${ANY}_.*", "^$SHOP$", "^a$|^b$", "costs$5", {"$env": "SHOP"}]
    config = {"config": {"schemaFilterPattern": {"includes": includes}}}
    assert found({"sourceConfig": config}) == {
        "sourceConfig.config.schemaFilterPattern.includes.0": "$ANY",
        "sourceConfig.config.schemaFilterPattern.includes.1": "$SHOP",
    }
