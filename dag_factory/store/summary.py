"""What a config is, in a few words, for lists: as far as its document says, be it good or broken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from dag_factory.configs.document import mapping_at
from dag_factory.configs.pipeline import AirflowConfig
from dag_factory.configs.timetables.schedule import schedule
from dag_factory.configs.timetables.spread import SpreadTimetable, spread_runs
from dag_factory.errors import ConfigError
from dag_factory.portable.plain_text import cut, one_line

# Characters of a text in a list.
_LONGEST = 250
ON_DEMAND = "on demand"


@dataclass(frozen=True)
class Summary:
    """
    What a config is, with None for what its document lacks, or has as another kind of value.

    :param title: its display name, or its name
    :param schedule: its cron or preset, None where it runs on demand
    :param timezone: of the schedule, None for UTC
    :param spread: over how many seconds the runs of its cron are spread, None for what the settings say
    """

    title: str | None = None
    type: str | None = None
    service_type: str | None = None
    service: str | None = None
    schedule: str | None = None
    timezone: str | None = None
    spread: int | None = None

    def spread_schedule(self, dag_id: str, spread: int) -> SpreadTimetable | None:
        """
        Return the schedule of a DAG whose runs begin later than its ticks, None where they don't, or it is invalid.

        :param spread: over how many seconds runs are spread, unless the config says so
        """
        seconds = spread if self.spread is None else self.spread
        if not self.schedule or seconds <= 0:
            return None
        try:
            fields = {"scheduleInterval": self.schedule, "pipelineTimezone": self.timezone}
            found = spread_runs(schedule(AirflowConfig.model_validate(fields)), dag_id, seconds)
        except (ConfigError, ValidationError):
            return None  # an error, which validation reports
        return found if isinstance(found, SpreadTimetable) else None

    def schedule_text(self, dag_id: str, spread: int = 0) -> str:
        """
        Return when a DAG runs, as its docs say it: schedule, delay and timezone.

        :param spread: over how many seconds runs are spread, unless the config says so
        """
        if not self.schedule:
            return ON_DEMAND
        spread_ones = self.spread_schedule(dag_id, spread)
        return f"{spread_ones.summary if spread_ones else self.schedule} ({self.timezone or 'UTC'})"


def summary_of(document: Mapping[str, Any] | None) -> Summary:
    """Return what a document says of its pipeline; it may be broken."""
    document = document or {}
    service = mapping_at(document, "service") or {}
    airflow = mapping_at(document, "airflowConfig") or {}
    return Summary(
        title=_text(document.get("displayName")) or _text(document.get("name")),
        type=_text(document.get("pipelineType")),
        service_type=_text(service.get("type")),
        service=_text(service.get("name")),
        schedule=_text(airflow.get("scheduleInterval")),
        timezone=_text(airflow.get("pipelineTimezone")),
        spread=_seconds((mapping_at(document, "dagFactory") or {}).get("spread")),
    )


def _text(value: object) -> str | None:
    return cut(one_line(value), _LONGEST) or None if isinstance(value, str) else None


def _seconds(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
