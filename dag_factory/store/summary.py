"""What a config is, in a few words, for lists: as far as its document says, be it good or broken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dag_factory.configs.document import mapping_at
from dag_factory.plain_text import cut, one_line

# Of a text in a list.
_LONGEST = 250
ON_DEMAND = "on demand"


@dataclass(frozen=True)
class Summary:
    """
    What a config is, with None for what its document lacks, or has as another kind of value.

    :param title: its display name, or its name
    :param schedule: its cron or preset, None where it runs on demand
    :param timezone: of the schedule, None for UTC
    """

    title: str | None = None
    type: str | None = None
    service_type: str | None = None
    service: str | None = None
    schedule: str | None = None
    timezone: str | None = None

    @property
    def schedule_text(self) -> str:
        """The schedule and its timezone, as the docs of a DAG have them."""
        return f"{self.schedule} ({self.timezone or 'UTC'})" if self.schedule else ON_DEMAND


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
    )


def _text(value: object) -> str | None:
    return cut(one_line(value), _LONGEST) or None if isinstance(value, str) else None
