"""What behaves differently here than under openmetadata-managed-apis, for which document."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from dag_factory.configs.pipeline import AirflowConfig, IngestionPipeline
from dag_factory.configs.timetables.schedule import start_date
from dag_factory.portable.secrets.references import is_reference
from dag_factory.portable.secrets.shown_names import shown_field

# What Airflow waits between retries where a DAG doesn't say ([core] default_task_retry_delay).
_AIRFLOW_RETRY_SECONDS = 300
# What os.path.expandvars, which the plugin has applied to each document, takes for a variable.
_VARIABLE = re.compile(r"\$(?:(\w+)|\{([^}]*)\})", re.ASCII)


@dataclass(frozen=True)
class Difference:
    """
    A field of a document that has another effect now.

    :param field: dotted path
    :param change: what is different, the same for all documents
    :param here: what that is for this one
    """

    field: str
    change: str
    here: str


def differences(pipeline: IngestionPipeline, document: dict[str, Any], now: datetime) -> Iterator[Difference]:
    """
    Yield what is different for a document.

    :param document: as the plugin has kept it
    :param now: a start date before it makes no difference
    """
    airflow = pipeline.airflow_config
    yield from _schedule(airflow, now)
    if airflow.retries and airflow.retry_delay != _AIRFLOW_RETRY_SECONDS:
        yield Difference(
            "airflowConfig.retryDelay", "has an effect now: the time between retries", f"{airflow.retry_delay} s"
        )
    if airflow.email:
        change = "has an effect now: a failed run is mailed"
        yield Difference("airflowConfig.email", change, ", ".join(airflow.email))
    if airflow.workflow_timeout:
        after = timedelta(seconds=airflow.workflow_timeout)
        yield Difference(
            "airflowConfig.workflowTimeout", "is in seconds, no longer in days", f"a run ends after {after}"
        )
    for field, name in _variables(document):
        change = 'is no longer replaced by an environment variable. Write {"$env": "NAME"} in its place, or the value'
        yield Difference(shown_field(field), change, f"${name}")


def _schedule(airflow: AirflowConfig, now: datetime) -> Iterator[Difference]:
    cron = airflow.schedule_interval
    if cron is None:
        return
    if airflow.pipeline_timezone != "UTC":
        change = "has an effect now: the schedule was in UTC"
        yield Difference("airflowConfig.pipelineTimezone", change, f"{cron} in {airflow.pipeline_timezone}")
    start = start_date(airflow)
    if start is not None and start > now:
        change = "has an effect now: no scheduled run before it"
        yield Difference(
            "airflowConfig.startDate", change, start.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
        )
    if airflow.pipeline_catchup:
        change = "has an effect now: each tick that is missed from the move on is made up for"
        yield Difference("airflowConfig.pipelineCatchup", change, cron)


def _variables(value: Any, field: str = "") -> Iterator[tuple[str, str]]:
    """Yield the field and the name of each variable that the plugin has replaced, or would have."""
    if isinstance(value, str):
        for plain, braced in _VARIABLE.findall(value):
            # A pattern may end in `$` and go on. Written in braces, hardly anything else is meant.
            if plain in os.environ or braced in os.environ or re.fullmatch(r"[A-Za-z_]\w*", braced):
                yield field, plain or braced
    elif isinstance(value, dict) and not is_reference(value):
        for name, child in value.items():
            yield from _variables(child, f"{field}.{name}" if field else name)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _variables(child, f"{field}.{index}")
