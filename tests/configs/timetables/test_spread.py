"""The spread: each run begins later than its tick by the same time, and what happens to runs where that changes."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise

import pendulum
import pytest
import time_machine
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction
from airflow.timetables.trigger import CronTriggerTimetable
from hypothesis import given, settings
from hypothesis import strategies as st

from dag_factory.api_server.plugin import OpenMetadataDagFactoryPlugin
from dag_factory.configs.pipeline import AirflowConfig
from dag_factory.configs.timetables.bounded import BoundedTimetable
from dag_factory.configs.timetables.schedule import cron_timetable, schedule
from dag_factory.configs.timetables.spread import SpreadTimetable, shortest_interval, spread_runs
from tests.airflow_versions import decode_timetable, encode_timetable
from tests.crons import ZONES, crons, moments
from tests.examples import examples
from tests.simulated_airflow import SimulatedAirflow, dag_of

DAY = 86_400
MONDAY = pendulum.datetime(2026, 11, 30, 12)


def spread_of(
    cron: str, dag_id: str = "orders", seconds: int = 3600, bounds: dict[str, str] | None = None
) -> SpreadTimetable:
    config = AirflowConfig.model_validate({"scheduleInterval": cron, **(bounds or {})})
    timetable = spread_runs(schedule(config), dag_id, seconds)
    assert isinstance(timetable, SpreadTimetable)
    return timetable


def next_run(
    timetable: BoundedTimetable, now: datetime, last: DataInterval | None, restriction: TimeRestriction
) -> DagRunInfo | None:
    with time_machine.travel(now, tick=False):
        return timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)


@pytest.mark.slow
@settings(max_examples=examples(150), deadline=None)
@given(
    cron=crons,
    zone=st.sampled_from(ZONES),
    offset=st.integers(1, DAY - 1),
    now=moments,
    last=st.none() | moments,
    earliest=st.none() | moments,
    latest=st.none() | moments,
    bounds=st.tuples(*[st.none() | moments.map(lambda moment: moment.isoformat())] * 2),
    catchup=st.booleans(),
)
def test_it_does_what_the_schedule_without_a_spread_would_do_on_a_clock_that_is_late_by_the_offset(
    cron: str,
    zone: str,
    offset: int,
    now: pendulum.DateTime,
    last: pendulum.DateTime | None,
    earliest: pendulum.DateTime | None,
    latest: pendulum.DateTime | None,
    bounds: tuple[str | None, str | None],
    catchup: bool,
) -> None:
    ticks = cron_timetable(cron, zone, *bounds)
    late = timedelta(seconds=offset)
    restriction = TimeRestriction(earliest, latest, catchup)
    before = DataInterval.exact(last) if last is not None else None
    expected = next_run(ticks, now - late, before, restriction)
    found = next_run(SpreadTimetable(ticks, offset), now, before, restriction)
    assert found == (expected and expected._replace(run_after=expected.run_after + late))
    read = decode_timetable(json.loads(json.dumps(encode_timetable(SpreadTimetable(ticks, offset)))))
    assert isinstance(read, BoundedTimetable)
    assert next_run(read, now, before, restriction) == found


@pytest.mark.slow
@settings(max_examples=examples(100), deadline=None)
@given(cron=crons, zone=st.sampled_from(ZONES), seconds=st.integers(1, DAY), start=moments, number=st.integers(0, 999))
def test_each_tick_of_airflow_s_own_timetable_has_one_run_moved_by_the_same_time_and_in_its_order(
    cron: str, zone: str, seconds: int, start: pendulum.DateTime, number: int
) -> None:
    ours = spread_runs(cron_timetable(cron, zone), f"orders_{number}", seconds)
    theirs = CronTriggerTimetable(cron, timezone=zone)
    assert ours is not None
    restriction = TimeRestriction(start, None, catchup=True)
    last, ticks, moved = None, [], []
    for _ in range(20):
        expected = theirs.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)
        found = ours.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)
        assert expected is not None
        assert found is not None
        assert found.data_interval == expected.data_interval
        ticks.append(expected.run_after)
        moved.append(found.run_after)
        last = found.data_interval
    (offset,) = {(after - tick).total_seconds() for tick, after in zip(ticks, moved, strict=True)}
    assert 0 <= offset < seconds
    assert moved == sorted(set(moved))


@pytest.mark.slow
@settings(max_examples=examples(60), deadline=None)
@given(cron=crons, start=moments, number=st.integers(0, 99_999))
def test_no_run_begins_as_late_as_the_next_tick_however_long_the_spread_is(
    cron: str, start: pendulum.DateTime, number: int
) -> None:
    ticks = cron_timetable(cron, "UTC")
    timetable = spread_runs(ticks, f"orders_{number}", DAY)
    assert timetable is not None
    restriction, last, infos = TimeRestriction(start, None, catchup=True), None, []
    for _ in range(30):
        infos.append(timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction))
        last = infos[-1] and infos[-1].data_interval
    for info, following in pairwise(infos):
        assert info is not None
        assert following is not None
        assert following.data_interval is not None
        assert info.run_after < following.data_interval.end


@pytest.mark.parametrize(
    ("cron", "seconds"),
    [
        ("* * * * *", 60), ("*/15 * * * *", 900), ("*/7 * * * *", 240), ("0 * * * *", 3600), ("0 3 * * *", DAY),
        ("0 3,4 1 * 1-5", 3600), ("55 23 * * *", DAY), ("0 0,23 * * *", 3600), ("@daily", DAY), ("@hourly", 3600),
        ("0 6 L * *", DAY), ("0 0 * * MON#1", DAY), ("5-10/2 8-17 * * *", 120), ("0 22-2 * * *", 3600),
    ],
)  # fmt: skip
def test_the_shortest_interval_of_a_cron(cron: str, seconds: int) -> None:
    assert shortest_interval(cron_timetable(cron, "UTC")) == seconds


def test_a_thousand_pipelines_of_one_cron_fill_the_spread_evenly_and_each_keeps_its_place() -> None:
    offsets = [spread_of("0 0 * * *", f"orders_{number}", DAY).offset for number in range(1000)]
    quarters = Counter(offset // timedelta(hours=6) for offset in offsets)
    assert set(quarters) == {0, 1, 2, 3}
    assert min(quarters.values()) > 200
    # Written out, since another place would move the runs of every pipeline.
    assert [each.total_seconds() for each in offsets[:3]] == [38436, 2077, 9284]


@pytest.mark.parametrize("cron", ["@once", "@continuous", None])
def test_what_is_not_a_cron_is_not_spread(cron: str | None) -> None:
    timetable = schedule(AirflowConfig(scheduleInterval=cron))
    assert spread_runs(timetable, "orders", 3600) is timetable


def test_without_a_spread_a_schedule_is_stored_as_before() -> None:
    timetable = cron_timetable("0 3 * * *", "Europe/Berlin", "2024-01-01T00:00:00+00:00")
    assert spread_runs(timetable, "orders", 0) is timetable
    assert timetable.serialize() == {
        "expression": "0 3 * * *",
        "timezone": "Europe/Berlin",
        "interval": 0.0,
        "run_immediately": False,
        "start": "2024-01-01T00:00:00+00:00",
    }


def test_airflow_reads_back_what_it_has_written_and_gets_the_same_instance_each_time() -> None:
    bounds = {"startDate": "2024-01-01", "endDate": "2030-01-01"}
    timetable = spread_of("0 3 * * *", bounds=bounds)
    written = encode_timetable(timetable)
    first, second = decode_timetable(written), decode_timetable(written)
    assert first is second
    assert first == timetable
    assert first != schedule(AirflowConfig.model_validate({"scheduleInterval": "0 3 * * *", **bounds}))
    assert encode_timetable(first) == written
    assert SpreadTimetable in OpenMetadataDagFactoryPlugin().timetables


@pytest.mark.parametrize(
    ("cron", "offset", "words", "described"),
    [
        ("0 0 * * *", 432, "0 0 * * *, spread to 00:07:12", "At 00:00 (UTC), spread to 00:07:12"),
        ("@daily", 432, "0 0 * * *, spread to 00:07:12", "At 00:00 (UTC), spread to 00:07:12"),
        ("55 23 * * 1", 432, "55 23 * * 1, spread to 00:02:12 the next day",
         "At 23:55, only on Monday (UTC), spread to 00:02:12 the next day"),
        ("*/15 * * * *", 125, "*/15 * * * *, spread by 0:02:05", "Every 15 minutes (UTC), spread by 0:02:05"),
    ],
)  # fmt: skip
def test_it_says_when_runs_begin(cron: str, offset: int, words: str, described: str) -> None:
    timetable = SpreadTimetable(cron_timetable(cron, "UTC"), offset)
    assert (timetable.summary, timetable.description) == (words, described)


def test_a_description_fits_airflow_s_column() -> None:
    minutes, hours, days = (",".join(map(str, numbers)) for numbers in (range(60), range(24), range(1, 32)))
    timetable = spread_of(f"{minutes} {hours} {days} {','.join(['1,2,3,4,5,6'] * 20)} *", seconds=60)
    assert len(timetable.description) == 1000
    assert ", spread by 0:00:" in timetable.description


@given(crons, st.sampled_from(ZONES), moments)
def test_a_manual_run_is_not_moved(cron: str, zone: str, now: pendulum.DateTime) -> None:
    ticks = cron_timetable(cron, zone)
    assert SpreadTimetable(ticks, 30).infer_manual_data_interval(run_after=now) == ticks.infer_manual_data_interval(
        run_after=now
    )


def test_a_daily_pipeline_keeps_its_local_time_when_the_clocks_change() -> None:
    timetable = SpreadTimetable(cron_timetable("0 3 * * *", "Europe/Berlin"), 432)
    restriction, last, begins = TimeRestriction(pendulum.datetime(2024, 3, 29, 12), None, catchup=True), None, set()
    for _ in range(3):
        info = timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)
        assert info is not None
        last = info.data_interval
        begins.add(f"{info.run_after.in_timezone('Europe/Berlin'):%H:%M:%S}")
    assert begins == {"03:07:12"}


def test_a_new_pipeline_waits_for_the_moment_at_which_its_run_begins() -> None:
    airflow = SimulatedAirflow(MONDAY)
    airflow.parse(dag_of(DAY, scheduleInterval="0 0 * * *"))
    begin = airflow.next_run
    assert begin is not None
    assert begin.second or begin.minute
    airflow.now = begin - timedelta(seconds=1)
    airflow.poll()
    assert airflow.runs == []
    airflow.now = begin
    airflow.poll()
    assert airflow.runs == [begin]
    assert airflow.ticks == [MONDAY.start_of("day")]


@pytest.mark.slow
@settings(max_examples=examples(60), deadline=None)
@given(
    cron=st.sampled_from(["* * * * *", "*/15 * * * *", "0 * * * *", "0 0 * * *", "30 2 * * *", "0 1,3 * * *"]),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
    known=moments,
    catchup=st.booleans(),
    steps=st.lists(
        st.tuples(st.floats(0, 0.99), st.none() | st.sampled_from([0, 1, 60, 300, 3600, 7200, DAY])), max_size=30
    ),
)
def test_where_the_spread_of_a_pipeline_that_has_run_changes_no_tick_has_two_runs_and_none_is_left_out(
    cron: str,
    zone: str,
    known: pendulum.DateTime,
    catchup: bool,
    steps: list[tuple[float, int | None]],
) -> None:
    ticks = cron_timetable(cron, zone)
    versions = {
        seconds: dag_of(seconds, scheduleInterval=cron, pipelineTimezone=zone, pipelineCatchup=catchup)
        for _, seconds in [(0, 600), *steps]
        if seconds is not None
    }
    airflow = SimulatedAirflow(known)
    airflow.parse(versions[600])
    for share, seconds in steps:
        # Airflow is never away for as long as from one tick to the next.
        airflow.now += timedelta(seconds=share * shortest_interval(ticks))
        airflow.poll()
        if seconds is not None:
            airflow.parse(versions[seconds])
            airflow.poll()
    assert airflow.ticks == sorted(set(airflow.ticks))
    for earlier, later in pairwise(airflow.ticks):
        info = next_run(
            ticks, known, DataInterval.exact(pendulum.instance(earlier)), TimeRestriction(None, None, catchup=True)
        )
        assert info is not None
        assert info.run_after == later


def test_a_spread_that_is_set_repeats_no_run_and_one_that_goes_lets_the_run_that_waits_begin_at_once() -> None:
    airflow = SimulatedAirflow(MONDAY)
    plain, late = dag_of(0, scheduleInterval="0 0 * * *"), dag_of(DAY, scheduleInterval="0 0 * * *")
    airflow.parse(plain)
    airflow.now = MONDAY.add(hours=12, minutes=1)
    airflow.poll()
    assert airflow.ticks == [pendulum.datetime(2026, 12, 1)]
    airflow.parse(late)
    airflow.now = MONDAY.add(hours=35)
    airflow.poll()
    assert airflow.ticks == [pendulum.datetime(2026, 12, 1)]
    assert airflow.next_run is not None
    assert airflow.next_run > pendulum.datetime(2026, 12, 2)
    airflow.now = MONDAY.add(hours=36, minutes=1)
    airflow.poll()
    assert airflow.ticks == [pendulum.datetime(2026, 12, 1)]
    airflow.parse(plain)
    airflow.poll()
    assert airflow.ticks == [pendulum.datetime(2026, 12, 1), pendulum.datetime(2026, 12, 2)]
    assert isinstance(airflow.next_run, pendulum.DateTime)
    assert airflow.next_run == pendulum.datetime(2026, 12, 3)
