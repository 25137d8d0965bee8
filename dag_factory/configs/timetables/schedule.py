"""Schedules: a pipeline's cron, timezone, start and end as a timetable for Airflow's scheduler."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.exceptions import AirflowTimetableInvalid
from airflow.timetables.base import TimeRestriction
from airflow.timetables.trigger import CronTriggerTimetable
from airflow.utils.dates import cron_presets
from croniter import CroniterBadDateError, croniter

from dag_factory.configs.timetables.bounded import BoundedTimetable
from dag_factory.errors import ConfigError

if TYPE_CHECKING:
    from airflow.timetables.base import DagRunInfo, DataInterval
    from pendulum.tz.timezone import FixedTimezone, Timezone

    from dag_factory.configs.pipeline import AirflowConfig

EPOCH = pendulum.datetime(2024, 1, 1)
"""A fixed moment for code that needs one. With the clock's, each parse would have another result."""

# Airflow's presets that are not crons.
_WITHOUT_CRON = frozenset({"@once", "@continuous"})

# Minute, hour, day, month and weekday.
_FIELDS = 5

# In place of a cron's description until it is asked for.
_LATER = "described when asked for"

# Crons in words. To describe one takes longer than to build its DAG.
_words: dict[str, str] = {}

MAX_DESCRIPTION = 1000
"""The width of Airflow's column ``dag.timetable_description``."""


class PipelineTimetable(BoundedTimetable, CronTriggerTimetable):
    """
    Airflow's CronTriggerTimetable, except that the first run waits for its tick. Equal timetables share one instance.

    Without catchup, Airflow's timetable starts a DAG at once where its start lies in the past. This one starts a DAG
    without a scheduled run by Airflow's rule for a schedule without a start: at the next tick, or at one that has just
    passed, within a tenth of the interval, at least five minutes. So after a parse that moves the first run on, the
    scheduler still has that much time to create it.

    A start counts for a DAG with earlier runs too. With catchup, Airflow's timetable would make up for all ticks since
    the last run, also for those before the start.

    Airflow decodes a DAG's timetable about sixteen times after each parse, and describes the cron in words each time:
    for many DAGs that is half of the work. A timetable has no state that changes, so one instance for each cron,
    timezone, start and end serves all DAGs.
    """

    def __init__(self, cron: str, *, timezone: str | Timezone | FixedTimezone) -> None:
        super().__init__(cron, timezone=timezone)
        if self.description is _LATER:
            del self.description

    def _describe_with_dom_dow_fix(self, expression: str) -> str:
        # Airflow's constructor asks for each instance.
        del expression
        return _LATER

    @cached_property
    def description(self) -> str:  # type: ignore[override]
        """The cron in words, and the timezone that they are about."""
        return _in_zone(in_words(self._expression), self._timezone.name)

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> PipelineTimetable:
        return cron_timetable(data["expression"], data["timezone"], data.get("start"), data.get("end"))

    def _next(self, last: DataInterval | None, restriction: TimeRestriction) -> DagRunInfo | None:
        if restriction.catchup and last is not None and restriction.earliest is not None:
            last = last if last.end >= restriction.earliest else None
        if last is not None or restriction.catchup or restriction.earliest is None:
            return super()._next(last, restriction)
        in_time = super()._next(None, TimeRestriction(None, restriction.latest, catchup=False))
        in_bounds = super()._next(None, restriction._replace(catchup=True))
        if in_time is None or in_bounds is None:
            return None
        return max(in_time, in_bounds, key=lambda info: info.run_after)


def in_words(cron: str) -> str:
    """Return a cron expression in words, as Airflow describes it."""
    if cron not in _words:
        _words[cron] = CronTriggerTimetable(cron, timezone="UTC").description[:MAX_DESCRIPTION]
    return _words[cron]


@lru_cache(maxsize=10_000)
def _in_zone(words: str, timezone: str) -> str:
    # Airflow's UI shows moments in the timezone of its user, so the words alone would mislead.
    zone = f" ({timezone})"
    return words[: MAX_DESCRIPTION - len(zone)] + zone


def note_words(cron: str, words: str) -> None:
    """Note what a cron expression is in words, so that it need not be described again."""
    _words[cron] = words


@lru_cache(maxsize=10_000)
def cron_timetable(
    cron: str, timezone: str | int, start: str | None = None, end: str | None = None
) -> PipelineTimetable:
    """
    Return the timetable for a cron expression or preset.

    :param timezone: IANA name, or offset to UTC in seconds
    :param start: no tick comes before it; ISO 8601 with an offset to UTC, None for no limit
    :param end: no tick comes after it; the same
    """
    if start is not None or end is not None:
        # Starts differ from pipeline to pipeline, but crons repeat: the slow part is done once for each cron.
        return cron_timetable(cron, timezone).within(start, end)
    return PipelineTimetable(cron, timezone=pendulum.timezone(timezone))


def schedule(config: AirflowConfig, moved_at: datetime | None = None) -> BoundedTimetable | None:
    """
    Return the schedule of a DAG, with its start and end; None for on demand.

    :param moved_at: when the pipeline was moved here, with all of its runs: a cron has no tick before
    :raises ConfigError: where the cron is invalid or matches no date, or the timezone is unknown
    """
    cron = config.schedule_interval
    if cron is None:
        return None
    zone = timezone_of(config).name
    start, end = _as_text(start_date(config)), _as_text(end_date(config))
    if cron in _WITHOUT_CRON:
        # Imported only when needed, since it imports FastAPI, and few pipelines have such a schedule.
        from dag_factory.configs.timetables.presets import WORDS

        return WORDS[cron]().within(start, end)
    check_cron(cron, zone)
    return cron_timetable(cron, zone, _as_text(_first_tick(config, moved_at)), end)


@lru_cache(maxsize=10_000)
def _problem_of_cron(cron: str, timezone: str) -> str | None:
    """Return what is wrong with a cron, and the way out; None where Airflow can schedule it."""
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
        return "matches no date. Correct the day or the month"
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
    :raises ConfigError: where it is invalid, matches no date, or has more than five fields
    """
    if (problem := _problem_of_cron(cron, timezone)) is not None:
        raise ConfigError(problem, field="airflowConfig.scheduleInterval")


def check_timezone(name: str) -> str:
    """
    Return the name of a timezone as Airflow writes it.

    :raises ConfigError: where it is unknown
    """
    return _timezone(name).name


def start_date(config: AirflowConfig) -> pendulum.DateTime | None:
    """
    Return when the schedule starts, in the pipeline's timezone; None where the config doesn't say.

    The current time can't replace it: a start that moves with each parse makes a new DAG version each time.

    :raises ConfigError: where the timezone is unknown
    """
    return _localized(config.start_date, config)


def end_date(config: AirflowConfig) -> pendulum.DateTime | None:
    """
    Return when the schedule ends, in the pipeline's timezone; None where the config doesn't say.

    :raises ConfigError: where the timezone is unknown
    """
    return _localized(config.end_date, config)


def timezone_of(config: AirflowConfig) -> Timezone:
    """
    Return the pipeline's timezone.

    :raises ConfigError: where it is unknown
    """
    return _timezone(config.pipeline_timezone)


def _check_comes_true(cron: str) -> None:
    if any(field[0] in "HhRr" for field in cron.split()):
        raise ValueError("hashed and random fields are not supported")
    # Airflow asks for both, and logs a stack trace at each parse where one is missing.
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


def _localized(moment: datetime | None, config: AirflowConfig) -> pendulum.DateTime | None:
    """Return a moment in the pipeline's timezone, which a moment without a timezone is meant in."""
    if moment is None:
        return None
    timezone = timezone_of(config)
    return pendulum.instance(moment, tz=timezone).in_timezone(timezone)


def _first_tick(config: AirflowConfig, moved_at: datetime | None) -> pendulum.DateTime | None:
    start = start_date(config)
    if moved_at is None:
        return start
    moved = pendulum.instance(moved_at, tz="UTC")
    return moved if start is None else max(start, moved)


def _as_text(moment: pendulum.DateTime | None) -> str | None:
    return moment.in_timezone("UTC").isoformat() if moment is not None else None
