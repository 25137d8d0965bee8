"""Whether Airflow can schedule a pipeline."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pendulum
from pydantic import ValidationError

from dag_factory.configs.document import Document, mapping_at
from dag_factory.configs.pipeline import LONGEST_CRON, AirflowConfig
from dag_factory.configs.problem import WARNING, Problem, problem_of
from dag_factory.configs.timetables.schedule import (
    PipelineTimetable,
    check_cron,
    check_timezone,
    end_date,
    schedule,
    start_date,
)
from dag_factory.configs.timetables.spread import shortest_interval
from dag_factory.errors import ConfigError
from dag_factory.openmetadata.nearest import nearest
from dag_factory.secrets.references import is_reference

# No pipeline begins earlier.
_FIRST_MEANT = 2000


def schedules(document: Document) -> Iterator[Problem]:
    """Yield what is wrong with cron, timezone and dates, each separately."""
    airflow = document.get("airflowConfig")
    if not isinstance(airflow, dict) or is_reference(airflow):
        return
    zone = airflow.get("pipelineTimezone")
    named: str | None = "UTC" if zone is None else None
    if isinstance(zone, str):
        try:
            named = check_timezone(zone)
        except ConfigError as error:
            found = problem_of(error, "timezone")
            # The nearest name to UTC+2 is UTC, and to CEST it is EST: neither is meant.
            near = None if re.search(r"[+\d]|^[A-Z]{1,5}$", zone) else nearest(zone, _timezones())
            yield replace(found, way_out=f"Did you mean '{near}'?") if near else found
    cron = airflow.get("scheduleInterval")
    if isinstance(cron, str) and 0 < len(cron.strip()) <= LONGEST_CRON:  # the model reports a longer one
        try:
            check_cron(cron.strip(), named or "UTC")
        except ConfigError as error:
            yield problem_of(error, "cron")
        runs = airflow.get("maxActiveRuns")
        if cron.strip() == "@continuous" and isinstance(runs, int) and runs > 1:
            yield Problem(
                "airflowConfig.maxActiveRuns", "value", "is more than 1, and '@continuous' takes no more", "Write 1"
            )
    if named is not None and airflow.get("startDate") is not None and airflow.get("endDate") is not None:
        yield from _dates({name: airflow[name] for name in ("startDate", "endDate")} | {"pipelineTimezone": named})


def early_dates(document: Document) -> Iterator[Problem]:
    """Yield a warning for a date without hyphens: as seconds since 1970, 20270131 lies in that year."""
    airflow = mapping_at(document, "airflowConfig") or {}
    for name in ("startDate", "endDate"):
        value = airflow.get(name)
        if isinstance(value, bool) or not re.fullmatch(r"\d{1,20}", str(value).strip()):
            continue
        try:
            config = AirflowConfig.model_validate({name: value})
        except ValidationError:
            continue  # the model reports that
        moment = config.start_date or config.end_date
        if moment is not None and moment.year < _FIRST_MEANT:
            problem = f"is a number, and as seconds since 1970 it means {moment:%Y-%m-%d}"
            yield Problem(f"airflowConfig.{name}", "date", problem, "Write a date like 2027-01-31", WARNING)


def long_spread(document: Document) -> Iterator[Problem]:
    """Yield a warning where a spread is longer than the time between two ticks, to which it is cut."""
    wanted = (mapping_at(document, "dagFactory") or {}).get("spread")
    airflow = mapping_at(document, "airflowConfig") or {}
    cron, zone = airflow.get("scheduleInterval"), airflow.get("pipelineTimezone")
    if isinstance(wanted, bool) or not isinstance(wanted, int) or not isinstance(cron, str):
        return
    try:
        config = AirflowConfig.model_validate({"scheduleInterval": cron, "pipelineTimezone": zone})
        timetable = schedule(config)
    except (ConfigError, ValidationError):
        return  # an error, which another check reports
    if isinstance(timetable, PipelineTimetable) and wanted > (most := shortest_interval(timetable)):
        problem = f"is longer than the {most} s between two ticks of the cron, and is cut to them"
        yield Problem("dagFactory.spread", "value", problem, f"Write {most} or less", WARNING)


@cache
def _timezones() -> tuple[str, ...]:
    return tuple(sorted(pendulum.timezones()))


def _dates(fields: Document) -> Iterator[Problem]:
    try:
        config = AirflowConfig.model_validate(fields)
    except ValidationError:
        return  # the model reports that
    start, end = start_date(config), end_date(config)
    if start is not None and end is not None and end <= start:
        yield Problem(
            "airflowConfig.endDate", "date", "lies before startDate, so nothing ever runs", "Write a later date"
        )
