"""The spread of schedules: pipelines of one cron begin their runs at different moments, rather than all at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from hashlib import sha256
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.timetables.base import DataInterval, TimeRestriction
from croniter import croniter

from dag_factory.configs.timetables.schedule import MAX_DESCRIPTION, PipelineTimetable, cron_timetable

if TYPE_CHECKING:
    from airflow.timetables.base import DagRunInfo
    from pendulum import DateTime

    from dag_factory.configs.timetables.bounded import BoundedTimetable

_DAY = timedelta(days=1)


class SpreadTimetable(PipelineTimetable):
    """
    A cron whose runs begin later than its ticks, each by the same time.

    A run belongs to its tick, which is its logical date. Start and end of the schedule, catchup and backfills are about
    ticks. So where the spread of a pipeline changes, each tick still has exactly one run.

    :param ticks: the same schedule without a spread
    :param offset: after how many seconds a run begins, less than a day
    """

    def __init__(self, ticks: PipelineTimetable, offset: int) -> None:
        # Airflow's constructor would expand the cron again, which is slow.
        vars(self).update(vars(ticks))
        vars(self).pop("description", None)
        self._ticks = ticks
        self.offset = timedelta(seconds=offset)
        self._begins = _Begins(ticks, self.offset)

    @cached_property
    def description(self) -> str:  # type: ignore[override]
        words = f", {self.begin}"
        return self._ticks.description[: MAX_DESCRIPTION - len(words)] + words

    @property
    def begin(self) -> str:
        """When a run begins: the time of day, where the cron has only one, else how long after the tick."""
        time_of_day = _rhythm(self._expression).time_of_day
        if time_of_day is None:
            return f"spread by {self.offset}"
        moment = time_of_day + self.offset
        return f"spread to {datetime.min + moment:%H:%M:%S}{' the next day' if moment >= _DAY else ''}"

    @property
    def summary(self) -> str:
        return f"{self._expression}, {self.begin}"

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> SpreadTimetable:
        return _read_back(data["offset"], data["expression"], data["timezone"], data.get("start"), data.get("end"))

    def serialize(self) -> dict[str, Any]:
        return super().serialize() | {"offset": int(self.offset.total_seconds())}

    def _next(self, last: DataInterval | None, restriction: TimeRestriction) -> DagRunInfo | None:
        # Airflow's rules compare ticks with the present. What has to be compared are the moments at which runs begin.
        earliest, latest = (moment and moment + self.offset for moment in restriction[:2])
        begun = last and DataInterval(last.start + self.offset, last.end + self.offset)
        info = self._begins._next(begun, TimeRestriction(earliest, latest, restriction.catchup))
        return info and info._replace(data_interval=DataInterval.exact(info.run_after - self.offset))


class _Begins(PipelineTimetable):
    """A schedule whose ticks are the moments at which the runs of a spread schedule begin."""

    def __init__(self, ticks: PipelineTimetable, offset: timedelta) -> None:
        vars(self).update(vars(ticks))
        self._offset = offset

    def _get_next(self, current: DateTime) -> DateTime:
        return super()._get_next(current - self._offset) + self._offset

    def _get_prev(self, current: DateTime) -> DateTime:
        return super()._get_prev(current - self._offset) + self._offset


def spread_runs(schedule: BoundedTimetable | None, dag_id: str, seconds: int) -> BoundedTimetable | None:
    """
    Return the schedule of a DAG, its runs delayed by a part of ``seconds`` that the DAG's id alone decides.

    The delay is shorter than the time between two ticks, however large ``seconds`` is. A schedule without a cron stays
    as it is.

    :param seconds: over which the DAGs of one cron are spread, at most a day
    """
    if not isinstance(schedule, PipelineTimetable):
        return schedule
    offset = int(_share(dag_id) * min(seconds, shortest_interval(schedule)))
    return SpreadTimetable(schedule, offset) if offset else schedule


def shortest_interval(schedule: PipelineTimetable) -> int:
    """
    Return the seconds between those two ticks of a cron that are the closest, at most a day.

    It takes a cron to tick on every day. Where one leaves out days, its ticks may be further apart.

    :param schedule: without a spread
    """
    return _rhythm(schedule.summary).shortest


def ticks_a_day(schedule: PipelineTimetable) -> int | None:
    """Return how often a cron ticks on a day, None where it leaves out days."""
    cron = schedule.summary
    return None if set(cron.split()[2:]) != {"*"} else _rhythm(cron).ticks


class _Rhythm(NamedTuple):
    ticks: int
    """How many ticks a day has."""
    shortest: int
    """Seconds between the two closest ticks."""
    time_of_day: timedelta | None
    """When a cron ticks, if it ticks once a day."""


@lru_cache(maxsize=10_000)
def _rhythm(cron: str) -> _Rhythm:
    minutes, hours = (
        range(size) if field == ["*"] else field for field, size in zip(croniter(cron).expanded, (60, 24), strict=False)
    )
    ticks = sorted(60 * hour + minute for hour, minute in product(hours, minutes))
    shortest = min(later - earlier for earlier, later in pairwise([*ticks, ticks[0] + 24 * 60]))
    return _Rhythm(len(ticks), 60 * shortest, timedelta(minutes=ticks[0]) if len(ticks) == 1 else None)


def _share(dag_id: str) -> float:
    """Return a DAG's place in any spread, from 0 to less than 1."""
    return int.from_bytes(sha256(f"spread {dag_id}".encode()).digest()[:6], "big") / 2**48


@lru_cache(maxsize=10_000)
def _read_back(offset: int, cron: str, timezone: str | int, start: str | None, end: str | None) -> SpreadTimetable:
    return SpreadTimetable(cron_timetable(cron, timezone, start, end), offset)
