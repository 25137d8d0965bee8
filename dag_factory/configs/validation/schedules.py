"""Whether Airflow can schedule a pipeline."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import TypeGuard

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
from dag_factory.portable.openmetadata.nearest import nearest
from dag_factory.portable.secrets.references import is_reference

# No pipeline begins earlier.
_FIRST_MEANT = 2000
_FIELDS_OF_CRON = 5
# In seconds: hardly any ingestion ends sooner, and nobody waits longer for a retry.
_SHORTEST_LIMIT, _LONGEST_DELAY = 60, 24 * 3600


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
                "airflowConfig.maxActiveRuns", "value", "is more than 1, which '@continuous' does not allow", "Write 1"
            )
    if named is not None and airflow.get("startDate") is not None and airflow.get("endDate") is not None:
        yield from _dates({name: airflow[name] for name in ("startDate", "endDate")} | {"pipelineTimezone": named})


def early_dates(document: Document) -> Iterator[Problem]:
    """Yield a warning for a date without hyphens: 20270131 would be read as seconds since 1970."""
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


def doubtful_crons(document: Document) -> Iterator[Problem]:
    """Yield a warning for a cron such as ``* 3 * * *``, which runs sixty times an hour, and is meant to run once."""
    cron = (mapping_at(document, "airflowConfig") or {}).get("scheduleInterval")
    fields = cron.split() if isinstance(cron, str) and len(cron) <= LONGEST_CRON else []
    if len(fields) == _FIELDS_OF_CRON and fields[0] == "*" and set(fields[1:]) != {"*"}:
        way_out = "Write 0 in place of the first * for one run in each of these hours"
        problem = "runs every minute of the hours that it names"
        yield Problem("airflowConfig.scheduleInterval", "cron", problem, way_out, WARNING)


def doubtful_times(document: Document) -> Iterator[Problem]:
    """Yield a warning for seconds that were most likely meant as minutes, hours or milliseconds."""
    airflow = mapping_at(document, "airflowConfig") or {}
    limit, delay = airflow.get("workflowTimeout"), airflow.get("retryDelay")
    if _is_int(limit) and 0 < limit < _SHORTEST_LIMIT:
        problem = f"ends each run after {limit} s"
        yield Problem("airflowConfig.workflowTimeout", "value", problem, "Write seconds, such as 3600", WARNING)
    if _is_int(delay) and delay > _LONGEST_DELAY:
        problem = f"makes a retry wait for {delay // 3600} h"
        yield Problem("airflowConfig.retryDelay", "value", problem, "Write seconds, such as 300", WARNING)


def _is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


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
