"""Schedules: what Airflow is asked to do, and that it does it as with its own timetables."""

from __future__ import annotations

import json

import pendulum
import pytest
import time_machine
from airflow.timetables.base import DataInterval, TimeRestriction, Timetable
from airflow.timetables.simple import ContinuousTimetable, OnceTimetable
from airflow.timetables.trigger import CronTriggerTimetable
from hypothesis import given, settings
from hypothesis import strategies as st

from dag_factory.configs.pipeline import AirflowConfig
from dag_factory.configs.timetables.schedule import (
    PipelineTimetable,
    cron_timetable,
    end_date,
    schedule,
    start_date,
    timezone_of,
)
from dag_factory.errors import ConfigError
from tests.airflow_versions import decode_timetable, encode_timetable
from tests.crons import ZONES, crons, moments
from tests.examples import examples


@pytest.mark.slow
@settings(max_examples=examples(200), deadline=None)
@given(crons, st.sampled_from(ZONES), moments, moments, st.booleans())
def test_but_for_the_first_run_without_catchup_it_schedules_exactly_as_airflow_s_own_timetable_does(
    cron: str, zone: str, earliest: pendulum.DateTime, now: pendulum.DateTime, catchup: bool
) -> None:
    ours = schedule(AirflowConfig(scheduleInterval=cron, pipelineTimezone=zone))
    theirs = CronTriggerTimetable(cron, timezone=zone)
    restriction = TimeRestriction(earliest=earliest, latest=None, catchup=catchup)
    assert isinstance(ours, PipelineTimetable)
    assert ours.description == f"{theirs.description} ({zone})"
    assert ours.summary == theirs.summary
    with time_machine.travel(now, tick=False):
        last = None if catchup else DataInterval.exact(earliest)
        for _ in range(4):
            info = ours.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)
            assert info == theirs.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)
            assert info is not None
            last = info.data_interval
    assert ours.infer_manual_data_interval(run_after=now) == theirs.infer_manual_data_interval(run_after=now)


@given(crons, st.sampled_from(ZONES))
def test_airflow_reads_back_what_it_has_written_and_gets_the_same_instance_each_time(cron: str, zone: str) -> None:
    timetable = cron_timetable(cron, zone)
    written = encode_timetable(timetable)
    first, second = decode_timetable(written), decode_timetable(written)
    assert first is second
    assert first == timetable
    assert encode_timetable(first) == written


def test_a_daily_pipeline_keeps_its_local_hour_when_the_clocks_change() -> None:
    timetable = schedule(AirflowConfig(scheduleInterval="0 3 * * *", pipelineTimezone="Europe/Berlin"))
    assert isinstance(timetable, PipelineTimetable)
    restriction = TimeRestriction(pendulum.datetime(2024, 3, 29, 12), None, catchup=True)
    runs = []
    last = None
    for _ in range(3):
        info = timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)
        assert info is not None
        last = info.data_interval
        runs.append(info.run_after)
    assert [run.in_timezone("UTC").hour for run in runs] == [2, 1, 1]
    assert {run.in_timezone("Europe/Berlin").hour for run in runs} == {3}


@pytest.mark.parametrize("interval", [None, "", "  "])
def test_no_cron_is_on_demand(interval: str | None) -> None:
    assert schedule(AirflowConfig(scheduleInterval=interval)) is None


@pytest.mark.parametrize(
    ("word", "theirs"), [("@once", OnceTimetable()), ("@continuous", ContinuousTimetable())], ids=["once", "continuous"]
)
def test_airflow_s_own_words_are_scheduled_as_airflow_does_from_start_to_end(word: str, theirs: Timetable) -> None:
    start, end = pendulum.datetime(2024, 5, 1), pendulum.datetime(2024, 6, 1)
    bounds = {"startDate": "2024-05-01", "endDate": "2024-06-01"}
    made = schedule(AirflowConfig.model_validate({"scheduleInterval": word, **bounds}))
    assert made is not None
    ours = decode_timetable(encode_timetable(made))
    assert (ours.summary, ours.description) == (theirs.summary, theirs.description)
    for now in (start.subtract(days=1), start.add(days=1), end.add(days=1)):
        with time_machine.travel(now, tick=False):
            for last in (None, DataInterval(start, start.add(hours=1))):
                asked = ours.next_dagrun_info(
                    last_automated_data_interval=last, restriction=TimeRestriction(None, None, catchup=False)
                )
                assert asked == theirs.next_dagrun_info(
                    last_automated_data_interval=last, restriction=TimeRestriction(start, end, catchup=False)
                )


@pytest.mark.parametrize(
    "cron", ["?", "99 * * * *", "* * * *", "@nope", "every day", "*/0 * * * *", "R R * * *", "a" * 999]
)
def test_a_wrong_cron_names_the_field_and_the_way_out(cron: str) -> None:
    with pytest.raises(ConfigError, match="is not a cron expression") as error:
        schedule(AirflowConfig(scheduleInterval=cron))
    assert error.value.field == "airflowConfig.scheduleInterval"


@pytest.mark.parametrize("cron", ["0 0 30 2 *", "0 0 31 4,6,9,11 *"])
def test_a_cron_that_never_comes_true_is_refused(cron: str) -> None:
    with pytest.raises(ConfigError, match="matches no date"):
        schedule(AirflowConfig(scheduleInterval=cron))


def test_a_leap_day_comes_true() -> None:
    assert schedule(AirflowConfig(scheduleInterval="0 0 29 2 *")) is not None


@pytest.mark.parametrize("zone", ["Mars/Base", "Europe", "../../etc/passwd", "", "+02:00"])
def test_an_unknown_timezone_names_the_field_whether_or_not_there_is_a_cron(zone: str) -> None:
    for interval in ("@daily", None):
        config = AirflowConfig(scheduleInterval=interval, pipelineTimezone=zone)
        with pytest.raises(ConfigError, match="is not a timezone") as error:
            schedule(config)
            timezone_of(config)
        assert error.value.field == "airflowConfig.pipelineTimezone"


def test_a_start_date_without_a_zone_is_meant_in_the_pipeline_s() -> None:
    config = AirflowConfig.model_validate({"startDate": "2024-05-01T06:00:00", "pipelineTimezone": "Asia/Tokyo"})
    start = start_date(config)
    assert start is not None
    assert (start, start.timezone_name) == (pendulum.datetime(2024, 5, 1, 6, tz="Asia/Tokyo"), "Asia/Tokyo")


def test_a_start_date_with_a_zone_is_that_moment_in_the_pipeline_s_zone() -> None:
    config = AirflowConfig.model_validate({"startDate": "2024-05-01T00:00:00Z", "pipelineTimezone": "Asia/Tokyo"})
    start = start_date(config)
    assert start is not None
    assert (start, start.timezone_name) == (pendulum.datetime(2024, 5, 1), "Asia/Tokyo")


def test_without_a_start_date_there_is_no_start() -> None:
    assert start_date(AirflowConfig()) is None


def test_an_end_date_is_read_like_a_start_date() -> None:
    config = AirflowConfig.model_validate({"endDate": "2030-01-01", "pipelineTimezone": "Europe/Berlin"})
    assert end_date(config) == pendulum.datetime(2030, 1, 1, tz="Europe/Berlin")
    assert end_date(AirflowConfig()) is None


def test_start_and_end_are_written_with_the_timetable_and_read_back() -> None:
    config = AirflowConfig.model_validate(
        {
            "scheduleInterval": "0 3 * * *",
            "startDate": "2027-03-29",
            "endDate": "2030-01-01T12:00:00Z",
            "pipelineTimezone": "Europe/Berlin",
        }
    )
    timetable = schedule(config)
    assert isinstance(timetable, PipelineTimetable)
    read = decode_timetable(json.loads(json.dumps(encode_timetable(timetable))))
    assert isinstance(read, PipelineTimetable)
    assert read == timetable
    assert read != cron_timetable("0 3 * * *", "Europe/Berlin")
    assert (read.start, read.end) == (pendulum.datetime(2027, 3, 28, 22), pendulum.datetime(2030, 1, 1, 12))


def test_a_timetable_that_was_stored_before_it_had_bounds_is_read_as_it_was() -> None:
    stored = {"expression": "0 3 * * *", "timezone": "UTC", "interval": 0.0, "run_immediately": False}
    timetable = PipelineTimetable.deserialize(stored)
    assert timetable.serialize() == stored
    # Its DAG had the start and the end.
    start, end = pendulum.datetime(2027, 3, 29), pendulum.datetime(2027, 3, 30)
    for latest, first in ((end, start.add(hours=3)), (start.add(hours=1), None)):
        restriction = TimeRestriction(start, latest, catchup=False)
        info = timetable.next_dagrun_info(last_automated_data_interval=None, restriction=restriction)
        assert (info and info.run_after) == first


def test_many_pipelines_of_one_cron_have_it_described_once() -> None:
    first = cron_timetable("7 5 * * *", "UTC", "2024-01-01T00:00:00+00:00")
    second = cron_timetable("7 5 * * *", "UTC", "2025-01-01T00:00:00+00:00")
    assert first is not second
    assert first.description is second.description


def test_a_description_fits_airflow_s_column() -> None:
    minutes, hours, days = (",".join(map(str, numbers)) for numbers in (range(60), range(24), range(1, 32)))
    cron = f"{minutes} {hours} {days} {','.join(['1,2,3,4,5,6'] * 20)} *"
    timetable = schedule(AirflowConfig(scheduleInterval=cron))
    assert isinstance(timetable, PipelineTimetable)
    assert len(CronTriggerTimetable(cron, timezone="UTC").description) > 1000
    assert len(timetable.description) == 1000
