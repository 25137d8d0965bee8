"""A timetable that has the start and end of its schedule."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, cast

import pendulum
from airflow.timetables.base import TimeRestriction, Timetable

if TYPE_CHECKING:
    from airflow.timetables.base import DagRunInfo, DataInterval
    from typing_extensions import Self


class BoundedTimetable(Timetable):
    """
    Keeps start and end of a schedule in the timetable instead of the DAG. A mixin for Airflow's timetables.

    Airflow copies a DAG's start and end to its tasks, and makes no task instance in a run whose logical date lies
    outside of them (``DagRun.verify_integrity``): a run that a user triggers there succeeds without having done
    anything. A DAG without start and end runs its task at any date.
    """

    start: pendulum.DateTime | None = None
    end: pendulum.DateTime | None = None

    def within(self, start: str | None, end: str | None) -> Self:
        """
        Return a copy of this timetable with no run before ``start`` or after ``end``.

        :param start: ISO 8601 with an offset to UTC, None for a schedule without a start
        :param end: the same for its end
        """
        bounded = copy(self)
        bounded.start, bounded.end = (_moment(text) if text is not None else None for text in (start, end))
        return bounded

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        # A backfill brings its own bounds, which may lie outside of the schedule's.
        if restriction.earliest is None:
            restriction = TimeRestriction(self.start, self.end, restriction.catchup)
        return self._next(last_automated_data_interval, restriction)

    def _next(self, last: DataInterval | None, restriction: TimeRestriction) -> DagRunInfo | None:
        """Return the run after ``last``, by Airflow's own timetable."""
        # The next class in the method resolution order is Airflow's timetable.
        return super().next_dagrun_info(last_automated_data_interval=last, restriction=restriction)  # type: ignore[safe-super]

    def serialize(self) -> dict[str, Any]:
        # A timetable without bounds is serialized as before, so that its DAG gets no new version.
        bounds = {"start": self.start, "end": self.end}
        return super().serialize() | {name: at.isoformat() for name, at in bounds.items() if at is not None}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.serialize() == other.serialize()

    def __hash__(self) -> int:
        return hash((self.summary, self.start, self.end))


def _moment(text: str) -> pendulum.DateTime:
    return cast("pendulum.DateTime", pendulum.parse(text))
