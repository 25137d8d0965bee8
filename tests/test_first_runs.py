"""When a pipeline runs first, and that no tick after that is lost or doubled, whenever Airflow parses and polls."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pendulum
import pytest
from airflow.timetables.base import TimeRestriction
from airflow.timetables.trigger import CronTriggerTimetable
from hypothesis import given, settings
from hypothesis import strategies as st

from dag_factory.store.catalog import Catalog
from dag_factory.store.folder.folder_store import FolderStore
from tests.examples import examples
from tests.simulated_airflow import SimulatedAirflow, dag_of, read_back
from tests.stored import good

CASES = Path(__file__).parent / "cases" / "10_runs_at_once"
FRIDAY = pendulum.datetime(2026, 11, 27, 5, 38)

CRONS = [
    "* * * * *", "*/5 * * * *", "*/7 * * * *", "0 * * * *", "17 */3 * * *", "0 3 * * *", "30 2 * * *", "15 1,13 * * *",
    "0 8 * * 1-5", "0 0 * * 0", "0 6 1 * *", "59 23 28 * *", "0 12 1 1,7 *", "0 0 1 1 *",
]  # fmt: skip
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Santiago"]
# Hours that a clock of one of these zones leaves out or repeats.
CHANGES = [
    datetime(2024, 3, 31, 1), datetime(2024, 10, 27, 1), datetime(2025, 3, 9, 7), datetime(2025, 11, 2, 6),
    datetime(2024, 4, 6, 15), datetime(2024, 9, 8, 4),
]  # fmt: skip
moments = st.one_of(
    st.datetimes(datetime(2023, 1, 1), datetime(2028, 1, 1)),
    st.builds(lambda at, off: at + off, st.sampled_from(CHANGES), st.timedeltas(timedelta(-1), timedelta(1))),
).map(lambda moment: pendulum.instance(moment, tz="UTC"))
shares = st.floats(0, 0.99)


def ticks(cron: str, zone: str, since: datetime) -> Iterator[pendulum.DateTime]:
    """Yield the ticks of a cron from a moment on, as Airflow's own timetable counts them."""
    timetable = CronTriggerTimetable(cron, timezone=zone)
    restriction, last = TimeRestriction(pendulum.instance(since), None, catchup=True), None
    while True:
        info = timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)
        assert info is not None
        yield info.run_after
        last = info.data_interval


def around(moment: pendulum.DateTime, cron: str, zone: str, count: int) -> list[pendulum.DateTime]:
    """Return the last tick at or before a moment, and ``count`` after it."""
    earlier = timedelta(minutes=2)
    while next(ticks(cron, zone, moment - earlier)) > moment:
        earlier *= 2
    found: list[pendulum.DateTime] = []
    for tick in ticks(cron, zone, moment - earlier):
        if tick <= moment:
            found = []
        found.append(tick)
        if len(found) > count:
            return found
    raise AssertionError


def counts(tick: datetime, following: datetime) -> timedelta:
    """Return for how long a tick counts as one that has just passed."""
    return min(max((following - tick) / 10, timedelta(minutes=5)), following - tick)


@dataclass(frozen=True)
class Interval:
    """When, from one tick to the next, Airflow parses and polls: as a share of that time."""

    first_poll: float
    """While the tick counts, as a share of the time for which it does."""
    parses: list[float]
    polls: list[float]


intervals = st.lists(
    st.builds(Interval, shares, st.lists(shares, max_size=3), st.lists(shares, max_size=2)), min_size=3, max_size=6
)


@pytest.mark.slow
@settings(max_examples=examples(60))
@given(
    cron=st.sampled_from(CRONS),
    zone=st.sampled_from(ZONES),
    known=moments,
    start=st.none() | st.timedeltas(timedelta(days=-800), timedelta(days=40)),
    end=st.none() | st.timedeltas(timedelta(0), timedelta(days=40)),
    each=intervals,
)
def test_it_begins_with_the_first_tick_after_it_became_known_and_then_has_every_tick_once(
    cron: str,
    zone: str,
    known: pendulum.DateTime,
    start: timedelta | None,
    end: timedelta | None,
    each: list[Interval],
) -> None:
    if start is not None and end is not None and end <= start:
        end = None  # a pipeline that says so is refused
    offsets = {"startDate": start, "endDate": end}
    bounds: dict[str, Any] = {
        name: (known + offset).isoformat() for name, offset in offsets.items() if offset is not None
    }
    passed, *coming = around(known, cron, zone, len(each))
    airflow = SimulatedAirflow(known)
    airflow.parse(dag_of(scheduleInterval=cron, pipelineTimezone=zone, **bounds))
    for interval, (tick, following) in zip(each, pairwise([passed, *coming]), strict=True):
        gap = following - tick
        steps = [(tick + counts(tick, following) * interval.first_poll, airflow.poll)]
        steps += [(tick + gap * share, airflow.parse) for share in interval.parses]
        steps += [(tick + gap * share, airflow.poll) for share in interval.polls]
        for airflow.now, step in sorted(steps, key=lambda pair: pair[0]):
            if airflow.now >= known:
                step()

    def is_within(tick: datetime) -> bool:
        return (start is None or tick >= known + start) and (end is None or tick <= known + end)

    expected = [tick for tick in coming[:-1] if is_within(tick)]
    if airflow.runs[:1] == [passed]:
        assert known - passed <= counts(passed, coming[0])
        assert is_within(passed)
        expected.insert(0, passed)
    assert airflow.runs == expected


@pytest.mark.slow
@settings(max_examples=examples(30))
@given(
    cron=st.sampled_from(CRONS),
    zone=st.sampled_from(ZONES),
    start=moments,
    known=st.integers(0, 20),
    away=st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["parse", "poll"])), max_size=12),
)
def test_with_catchup_it_has_every_tick_from_its_start_on_however_long_airflow_was_away(
    cron: str, zone: str, start: pendulum.DateTime, known: int, away: list[tuple[int, str]]
) -> None:
    since_start = ticks(cron, zone, start)
    expected = [next(since_start) for _ in range(known + 1)]
    airflow = SimulatedAirflow(expected[-1])
    airflow.parse(
        dag_of(scheduleInterval=cron, pipelineTimezone=zone, pipelineCatchup=True, startDate=start.isoformat())
    )
    for missed, step in away:
        expected += [next(since_start) for _ in range(missed)]
        airflow.now = expected[-1]
        getattr(airflow, step)()
    airflow.poll()
    assert airflow.runs == expected


@pytest.mark.slow
@settings(max_examples=examples(40))
@given(
    crons=st.lists(st.sampled_from(CRONS), min_size=2, max_size=2),
    known=moments,
    steps=st.lists(
        st.tuples(
            st.timedeltas(timedelta(0), timedelta(hours=30)), st.sampled_from(["parse", "poll", "pause", "other"])
        ),
        max_size=25,
    ),
)
def test_pauses_outages_and_redeploys_double_no_tick_and_call_up_none_from_before_it_became_known(
    crons: list[str], known: pendulum.DateTime, steps: list[tuple[timedelta, str]]
) -> None:
    versions = [dag_of(scheduleInterval=cron, startDate="2020-01-01") for cron in crons]
    airflow = SimulatedAirflow(known)
    airflow.parse(versions[0])
    for later, step in steps:
        airflow.now += later
        if step == "pause":
            airflow.is_paused = not airflow.is_paused
        elif step == "other":
            versions.reverse()
            airflow.parse(versions[0])
        else:
            getattr(airflow, step)()
    allowed = [
        known - tick <= counts(tick, following) for tick, following in (around(known, c, "UTC", 1) for c in crons)
    ]
    assert airflow.runs == sorted(set(airflow.runs))
    assert any(allowed) or all(run > known for run in airflow.runs)
    for run in airflow.runs:
        assert any(next(ticks(cron, "UTC", run)) == run for cron in crons)


FIRST = {
    "runs_at_once": pendulum.datetime(2026, 11, 28, 3),
    "long_started": pendulum.datetime(2026, 11, 28, 3),
    "deployed_long_ago": pendulum.datetime(2026, 11, 28, 3),
    "weekly": pendulum.datetime(2026, 12, 2),
    "hourly": pendulum.datetime(2026, 11, 27, 6),
    "in_tokyo": pendulum.datetime(2026, 11, 27, 18),
    "just_passed": pendulum.datetime(2026, 11, 27, 5, 35),
}


def test_what_is_dropped_at_05_38_runs_first_at_its_next_tick(tmp_path: Path) -> None:
    store = FolderStore(shutil.copytree(CASES, tmp_path / "configs"))
    first = {}
    for config in good(Catalog(store).all()):
        airflow = SimulatedAirflow(FRIDAY)
        airflow.parse(read_back(config))
        first[config.dag_id] = airflow.next_run
    assert first == FIRST


@pytest.mark.parametrize(
    ("start", "first"),
    [
        ("2026-11-28T03:00:00Z", pendulum.datetime(2026, 11, 28, 3)),
        ("2026-11-28T03:00:01Z", pendulum.datetime(2026, 11, 29, 3)),
        ("2027-06-01", pendulum.datetime(2027, 6, 1, 3)),
    ],
)
def test_where_its_start_lies_ahead_it_begins_with_the_first_tick_from_there(start: str, first: datetime) -> None:
    airflow = SimulatedAirflow(FRIDAY)
    airflow.parse(dag_of(scheduleInterval="0 3 * * *", startDate=start))
    assert airflow.next_run == first


def test_after_its_end_it_is_not_scheduled() -> None:
    airflow = SimulatedAirflow(FRIDAY)
    airflow.parse(dag_of(scheduleInterval="0 3 * * *", startDate="2026-03-29", endDate="2026-11-27T04:00:00Z"))
    assert airflow.next_run is None


def test_catchup_without_a_start_date_begins_as_it_does_without_catchup_and_then_makes_up_for_what_was_missed() -> None:
    airflow = SimulatedAirflow(FRIDAY)
    airflow.parse(dag_of(scheduleInterval="0 3 * * *", pipelineCatchup=True))
    assert airflow.next_run == pendulum.datetime(2026, 11, 28, 3)
    airflow.now = pendulum.datetime(2026, 11, 28, 3, 0, 1)
    airflow.poll()
    airflow.now = pendulum.datetime(2026, 12, 1, 4)
    airflow.poll()
    assert airflow.runs == [pendulum.datetime(2026, 11, 28, 3).add(days=day) for day in range(4)]


def test_what_was_paused_from_the_beginning_waits_for_the_tick_after_it_is_unpaused() -> None:
    airflow = SimulatedAirflow(FRIDAY)
    airflow.is_paused = True
    airflow.parse(dag_of(scheduleInterval="0 3 * * *", startDate="2024-01-01"))
    airflow.now = FRIDAY.add(days=3)
    airflow.parse()
    airflow.is_paused = False
    airflow.poll()
    assert airflow.runs == []
    assert airflow.next_run == pendulum.datetime(2026, 12, 1, 3)


def test_a_pipeline_on_demand_that_gets_a_cron_waits_for_its_tick() -> None:
    airflow = SimulatedAirflow(FRIDAY)
    airflow.parse(dag_of(scheduleInterval=None, startDate="2024-01-01"))
    assert airflow.next_run is None
    airflow.now = FRIDAY.add(days=1)
    airflow.parse(dag_of(scheduleInterval="0 3 * * *", startDate="2024-01-01"))
    assert airflow.next_run == pendulum.datetime(2026, 11, 29, 3)


def test_one_that_has_run_and_was_gone_for_days_runs_once_for_the_last_tick_that_it_missed() -> None:
    airflow = SimulatedAirflow(FRIDAY)
    airflow.parse(dag_of(scheduleInterval="0 3 * * *"))
    airflow.now = FRIDAY.add(days=1)
    airflow.poll()
    airflow.now = FRIDAY.add(days=5)
    airflow.parse()
    airflow.poll()
    assert airflow.runs == [pendulum.datetime(2026, 11, 28, 3), pendulum.datetime(2026, 12, 2, 3)]
    assert airflow.next_run == pendulum.datetime(2026, 12, 3, 3)


def moved(now: pendulum.DateTime, last: pendulum.DateTime | None, **airflow_config: Any) -> SimulatedAirflow:
    """Return an Airflow that has run a pipeline under openmetadata-managed-apis, moved here at a moment."""
    airflow = SimulatedAirflow(now)
    if last is not None:
        airflow.has_run(last)
    airflow.parse(dag_of(moved_at=now.isoformat(), **airflow_config))
    return airflow


@pytest.mark.parametrize("catchup", [False, True])
@pytest.mark.parametrize("spread", [0, 3600])
@pytest.mark.parametrize("last", [pendulum.datetime(2024, 5, 1, 3), pendulum.datetime(2026, 11, 26, 3), None])
@pytest.mark.parametrize("start", [None, "2020-01-01"])
def test_what_was_missed_before_a_move_is_not_made_up_for(
    catchup: bool, spread: int, last: pendulum.DateTime | None, start: str | None
) -> None:
    airflow = moved(FRIDAY, last, spread=spread, scheduleInterval="0 3 * * *", pipelineCatchup=catchup, startDate=start)
    airflow.poll()
    assert airflow.runs == []
    tick = pendulum.datetime(2026, 11, 28, 3)
    assert airflow.next_run is not None
    assert tick <= airflow.next_run <= tick.add(seconds=spread)
    airflow.now = tick.add(hours=2)
    airflow.poll()
    airflow.now = airflow.now.add(days=1)
    airflow.poll()
    assert airflow.ticks == [tick, tick.add(days=1)]


def test_what_is_missed_after_a_move_is_made_up_for_as_the_config_says() -> None:
    for catchup, expected in ((False, 1), (True, 3)):
        airflow = moved(
            FRIDAY, pendulum.datetime(2026, 11, 20, 3), scheduleInterval="0 3 * * *", pipelineCatchup=catchup
        )
        airflow.now = pendulum.datetime(2026, 11, 30, 4)
        airflow.parse()
        airflow.poll()
        assert airflow.ticks == [pendulum.datetime(2026, 11, 30, 3).subtract(days=day) for day in range(expected)][::-1]


def test_without_a_note_of_the_move_the_last_missed_tick_runs_at_once() -> None:
    airflow = SimulatedAirflow(FRIDAY)
    airflow.has_run(pendulum.datetime(2024, 5, 1, 3))
    airflow.parse(dag_of(scheduleInterval="0 3 * * *"))
    airflow.poll()
    assert airflow.ticks == [pendulum.datetime(2026, 11, 27, 3)]
