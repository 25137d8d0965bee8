"""Schedules: from a pipeline's cron and timezone to what Airflow's scheduler asks."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.exceptions import AirflowTimetableInvalid
from airflow.timetables.trigger import CronTriggerTimetable
from airflow.utils.dates import cron_presets
from croniter import CroniterBadDateError, croniter

from dag_factory.errors import ConfigError

if TYPE_CHECKING:
    from pendulum.tz.timezone import FixedTimezone, Timezone

    from dag_factory.pipeline import AirflowConfig

# Where neither startDate nor updatedAt says when a schedule starts: never the clock, see `start_date`.
EPOCH = pendulum.datetime(2024, 1, 1)

# Airflow's own words, which take no timetable of ours.
_WITHOUT_CRON = frozenset({"@once", "@continuous"})

# Minute, hour, day, month and weekday.
_FIELDS = 5

# The width of Airflow's column `dag.timetable_description`.
_MAX_DESCRIPTION = 1000


class PipelineTimetable(CronTriggerTimetable):
    """
    Airflow's CronTriggerTimetable, whose equal instances are one.

    Airflow decodes the timetable of a DAG about sixteen times whenever its file has been parsed, and describes the
    cron in words each time: for many DAGs that is half of the work. A timetable has no state that changes, so one
    instance for each cron and timezone serves them all. It schedules exactly as its base does.
    """

    def __init__(self, cron: str, *, timezone: str | Timezone | FixedTimezone) -> None:
        super().__init__(cron, timezone=timezone)
        self.description = self.description[:_MAX_DESCRIPTION]

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> PipelineTimetable:
        return cron_timetable(data["expression"], data["timezone"])


@lru_cache(maxsize=10_000)
def cron_timetable(cron: str, timezone: str | int) -> PipelineTimetable:
    """
    Return the timetable for a cron expression or preset.

    :param timezone: IANA name, or offset to UTC in seconds
    """
    return PipelineTimetable(cron, timezone=pendulum.timezone(timezone))


def schedule(config: AirflowConfig) -> PipelineTimetable | str | None:
    """
    Return what a DAG takes as its schedule; None is on demand.

    :raises ConfigError: where the cron is none or never comes true, or the timezone is unknown
    """
    cron = config.schedule_interval
    if cron is None or cron in _WITHOUT_CRON:
        return cron
    timezone = _timezone(config.pipeline_timezone)
    check_cron(cron, timezone.name)
    return cron_timetable(cron, timezone.name)


@lru_cache(maxsize=10_000)
def _problem_of_cron(cron: str, timezone: str) -> str | None:
    """Return what is wrong with a cron, and the way out; None for one that Airflow can schedule."""
    if cron in _WITHOUT_CRON:
        return None
    fields = len(cron_presets.get(cron, cron).split())
    if fields > _FIELDS:
        why = ", the last of which Airflow takes for seconds" if fields == _FIELDS + 1 else ", and Airflow reads five"
        return f"has {fields} fields{why}. Write five: minute, hour, day, month, weekday"
    try:
        timetable = cron_timetable(cron, timezone)
        timetable.validate()
        _check_comes_true(timetable.summary)
    except CroniterBadDateError:
        return "never comes true. Correct the day or the month"
    except (AirflowTimetableInvalid, ValueError, KeyError, IndexError):
        return (
            "is not a cron expression. Write five fields (minute, hour, day, month, weekday), a preset like '@daily', "
            "or null for on demand"
        )
    return None


def check_cron(cron: str, timezone: str = "UTC") -> None:
    """
    Check that Airflow can schedule by a cron expression or preset.

    :param timezone: IANA name
    :raises ConfigError: where it is none, never comes true, or has more than five fields
    """
    if (problem := _problem_of_cron(cron, timezone)) is not None:
        raise ConfigError(problem, field="airflowConfig.scheduleInterval")


def check_timezone(name: str) -> str:
    """
    Return the name of a timezone as Airflow writes it.

    :raises ConfigError: where it is unknown
    """
    return _timezone(name).name


def start_date(config: AirflowConfig, updated_at: int | None) -> pendulum.DateTime:
    """
    Return when the schedule starts, in the pipeline's timezone: ``startDate``, else ``updatedAt``, else a fixed date.

    The clock must not decide: a start that moves with each parse makes a new DAG version each time, and a cron whose
    interval is longer than that between two parses never fires.

    :param updated_at: epoch milliseconds
    :raises ConfigError: where the timezone is unknown
    """
    timezone = _timezone(config.pipeline_timezone)
    if config.start_date is not None:
        return _localized(config.start_date, timezone)
    if updated_at is not None:
        return pendulum.from_timestamp(updated_at / 1000, tz=timezone)
    return EPOCH.in_timezone(timezone)


def end_date(config: AirflowConfig) -> pendulum.DateTime | None:
    """
    Return when the schedule ends, in the pipeline's timezone.

    :raises ConfigError: where the timezone is unknown
    """
    return _localized(config.end_date, _timezone(config.pipeline_timezone)) if config.end_date is not None else None


def _check_comes_true(cron: str) -> None:
    if any(field[0] in "HhRr" for field in cron.split()):
        raise ValueError("hashed and random fields name no time")
    # Airflow asks both, and logs a stack trace at each parse where one is missing.
    moments = croniter(cron, EPOCH)
    moments.get_next(datetime)
    moments.get_prev(datetime)


def _timezone(name: str) -> Timezone:
    try:
        timezone = pendulum.timezone(name)
    except (ValueError, KeyError, OSError):
        raise ConfigError(
            "is not a timezone. Write an IANA name like 'Europe/Berlin', or 'UTC'",
            field="airflowConfig.pipelineTimezone",
        ) from None
    return timezone


def _localized(moment: datetime, timezone: Timezone) -> pendulum.DateTime:
    """Return a moment in a timezone; one that names no timezone is meant in this one."""
    return pendulum.instance(moment, tz=timezone).in_timezone(timezone)
