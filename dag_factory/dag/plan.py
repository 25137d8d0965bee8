"""Plans: all that a DAG is built from, as plain values that can be kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Plan:
    """
    What the DAG of a pipeline is built from, and nothing else: so the same plan gives the same DAG.

    A plan holds what Airflow stores of the DAG, so it holds no secret.

    :param schedule: the timetable, see `dag_factory.configs.timetables.written`
    :param problem: what is wrong with the config, where this is its last good version
    :param placement: where Airflow runs the task, as arguments of the operator
    """

    dag_id: str
    title: str
    description: str | None
    docs: str
    schedule: dict[str, Any] | None
    timezone: str
    catchup: bool
    max_active_tasks: int
    max_active_runs: int
    starts_paused: bool
    tags: list[str]
    pipeline_type: str
    problem: str | None
    owner: str
    retries: int
    retry_seconds: int
    timeout_seconds: int | None
    mail_to: list[str]
    mail_title: str
    placement: dict[str, Any]


@dataclass(frozen=True)
class PlaceholderPlan:
    """
    What the placeholder DAG of a broken config is built from.

    :param problem: what is wrong
    :param description: the same in one line, see `dag_factory.dag.descriptions`
    """

    dag_id: str
    problem: str
    docs: str
    description: str
    tags: list[str]


def as_text(plan: Plan | PlaceholderPlan) -> str:
    """Return a plan as a text to keep."""
    return json.dumps(vars(plan), ensure_ascii=False, separators=(",", ":"))


def from_text(text: str) -> Plan | PlaceholderPlan:
    """
    Return the plan that was kept, maybe by another version: what only that one knows is left out.

    A field that a later version adds needs a default, for plans that were kept before.

    :raises ValueError: where it can't be read
    """
    try:
        values = json.loads(text)
        kind = Plan if "pipeline_type" in values else PlaceholderPlan
        return kind(**{name: value for name, value in values.items() if name in kind.__dataclass_fields__})
    except (TypeError, AttributeError, RecursionError) as error:
        raise ValueError(str(error)) from None
