from __future__ import annotations

from typing import Any

import pytest

from dag_factory.configs.problem import EFFECT, WARNING, Problem
from dag_factory.configs.validation.effects import without_effect, without_inherited

CRON = {"scheduleInterval": "0 3 * * *"}


@pytest.mark.parametrize(
    ("airflow", "field"),
    [
        ({"pipelineTimezone": "Europe/Berlin"}, "pipelineTimezone"),
        ({"pipelineTimezone": "Europe/Berlin", "scheduleInterval": " "}, "pipelineTimezone"),
        ({"pipelineCatchup": True}, "pipelineCatchup"),
        ({"pipelineCatchup": True, **CRON}, "pipelineCatchup"),
        ({"retryDelay": 60, **CRON}, "retryDelay"),
        ({"endDate": "2020-01-01", **CRON}, "endDate"),
    ],
)
def test_a_field_that_changes_nothing_is_a_warning(airflow: dict[str, Any], field: str) -> None:
    (problem,) = without_effect({"airflowConfig": airflow})
    assert (problem.field, problem.level) == (f"airflowConfig.{field}", WARNING)


@pytest.mark.parametrize(
    "airflow",
    [
        # As OpenMetadata's server sends a pipeline on demand.
        {
            "scheduleInterval": None,
            "pipelineTimezone": "UTC",
            "startDate": "2024-01-01",
            "retries": 0,
            "retryDelay": 300,
        },
        {"pipelineTimezone": "UTC"},
        {"pipelineTimezone": "Europe/Berlin", **CRON},
        {"pipelineCatchup": True, "startDate": "2027-01-01", **CRON},
        {"pipelineCatchup": False},
        {"endDate": "2899-01-01", **CRON},
        {"endDate": "2020-01-01"},
        {"endDate": "yesterday", "pipelineTimezone": 3, **CRON},
        {},
        None,
        {"$env": "X"},
        {"scheduleInterval": 3, "pipelineTimezone": 4},
    ],
)
def test_what_has_an_effect_or_is_a_default_is_none(airflow: object) -> None:
    assert list(without_effect({"airflowConfig": airflow})) == []


def test_what_is_inherited_is_right_where_another_config_needs_it() -> None:
    own = Problem("a", EFFECT, "has no effect", config="x/a.yaml")
    inherited = Problem("b", EFFECT, "has no effect", config="defaults.yaml")
    unknown = Problem("c", "spelling", "is unknown here", config="defaults.yaml")
    assert without_inherited([own, inherited, unknown], "x/a.yaml") == [own, unknown]
