"""Schedules: what Airflow is asked to do, and that it does it exactly as with its own timetable."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pendulum
import pytest
import time_machine
from airflow.serialization.decoders import decode_timetable
from airflow.serialization.encoders import encode_timetable
from airflow.timetables.base import DataInterval, TimeRestriction
from airflow.timetables.trigger import CronTriggerTimetable
from hypothesis import given, settings
from hypothesis import strategies as st

from dag_factory.errors import ConfigError
from dag_factory.pipeline import AirflowConfig
from dag_factory.schedule import EPOCH, PipelineTimetable, cron_timetable, end_date, schedule, start_date

# Zones whose clocks change by an hour, by half an hour, at midnight, southwards, never, and once by a whole day.
ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Cairo",
    "Asia/Kathmandu", "Pacific/Apia", "America/Sao_Paulo", "Asia/Tokyo",
]  # fmt: skip

# Moments around which a clock changes in one of these zones.
DST_EDGES = [
    pendulum.datetime(2024, 3, 31, 1), pendulum.datetime(2024, 10, 27, 1), pendulum.datetime(2025, 3, 9, 7),
    pendulum.datetime(2025, 11, 2, 6), pendulum.datetime(2024, 4, 6, 15), pendulum.datetime(2024, 10, 5, 15, 30),
    pendulum.datetime(2024, 9, 8, 4), pendulum.datetime(2024, 4, 25, 22), pendulum.datetime(2011, 12, 30, 10),
]  # fmt: skip


def _field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    return st.one_of(
        st.just("*"),
        number.map(str),
        st.integers(1, high).map(lambda step: f"*/{step}"),
        st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}"),
        st.lists(number, min_size=1, max_size=4, unique=True).map(lambda numbers: ",".join(map(str, numbers))),
    )


# Days to the 28th: every such cron comes true.
crons = st.one_of(
    st.tuples(_field(0, 59), _field(0, 23), _field(1, 28), _field(1, 12), _field(0, 6)).map(" ".join),
    st.sampled_from(
        ["@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly", "0 0 L * *", "0 0 * * MON#1"]
    ),
)
moments = st.one_of(
    st.tuples(st.sampled_from(DST_EDGES), st.timedeltas(timedelta(hours=-30), timedelta(hours=30))).map(
        lambda pair: pair[0] + pair[1]
    ),
    st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)).map(lambda moment: pendulum.instance(moment, tz="UTC")),
)


@settings(max_examples=400, deadline=None)
@given(crons, st.sampled_from(ZONES), moments, moments, st.booleans())
def test_it_schedules_exactly_as_airflow_s_own_timetable_does(
    cron: str, zone: str, earliest: pendulum.DateTime, now: pendulum.DateTime, catchup: bool
) -> None:
    ours = schedule(AirflowConfig(scheduleInterval=cron, pipelineTimezone=zone))
    theirs = CronTriggerTimetable(cron, timezone=zone)
    restriction = TimeRestriction(earliest=earliest, latest=None, catchup=catchup)
    assert isinstance(ours, PipelineTimetable)
    assert ours.description == theirs.description
    assert ours.summary == theirs.summary
    with time_machine.travel(now, tick=False):
        last: DataInterval | None = None
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


@pytest.mark.parametrize("word", ["@once", "@continuous"])
def test_airflow_s_own_words_go_to_airflow(word: str) -> None:
    assert schedule(AirflowConfig(scheduleInterval=word)) == word


@pytest.mark.parametrize(
    "cron", ["?", "99 * * * *", "* * * *", "@nope", "every day", "*/0 * * * *", "R R * * *", "a" * 999]
)
def test_a_wrong_cron_names_the_field_and_the_way_out(cron: str) -> None:
    with pytest.raises(ConfigError, match="is not a cron expression") as error:
        schedule(AirflowConfig(scheduleInterval=cron))
    assert error.value.field == "airflowConfig.scheduleInterval"


@pytest.mark.parametrize("cron", ["0 0 30 2 *", "0 0 31 4,6,9,11 *"])
def test_a_cron_that_never_comes_true_is_refused(cron: str) -> None:
    with pytest.raises(ConfigError, match="never comes true"):
        schedule(AirflowConfig(scheduleInterval=cron))


def test_a_leap_day_comes_true() -> None:
    assert schedule(AirflowConfig(scheduleInterval="0 0 29 2 *")) is not None


@pytest.mark.parametrize("zone", ["Mars/Base", "Europe", "../../etc/passwd", "", "+02:00"])
def test_an_unknown_timezone_names_the_field_whether_or_not_there_is_a_cron(zone: str) -> None:
    for interval in ("@daily", None):
        config = AirflowConfig(scheduleInterval=interval, pipelineTimezone=zone)
        with pytest.raises(ConfigError, match="is not a timezone") as error:
            schedule(config)
            start_date(config, None)
        assert error.value.field == "airflowConfig.pipelineTimezone"


def test_a_start_date_without_a_zone_is_meant_in_the_pipeline_s() -> None:
    config = AirflowConfig.model_validate({"startDate": "2024-05-01T06:00:00", "pipelineTimezone": "Asia/Tokyo"})
    assert start_date(config, None) == pendulum.datetime(2024, 5, 1, 6, tz="Asia/Tokyo")
    assert start_date(config, None).timezone_name == "Asia/Tokyo"


def test_a_start_date_with_a_zone_is_that_moment_in_the_pipeline_s_zone() -> None:
    config = AirflowConfig.model_validate({"startDate": "2024-05-01T00:00:00Z", "pipelineTimezone": "Asia/Tokyo"})
    assert start_date(config, 1) == pendulum.datetime(2024, 5, 1)
    assert start_date(config, 1).timezone_name == "Asia/Tokyo"


def test_without_a_start_date_the_last_update_is_the_anchor_and_else_a_fixed_date() -> None:
    assert start_date(AirflowConfig(), 1795343395563) == datetime(2026, 11, 22, 10, 29, 55, 563000, timezone.utc)
    assert start_date(AirflowConfig(), None) == EPOCH


def test_an_end_date_is_read_like_a_start_date() -> None:
    config = AirflowConfig.model_validate({"endDate": "2030-01-01", "pipelineTimezone": "Europe/Berlin"})
    assert end_date(config) == pendulum.datetime(2030, 1, 1, tz="Europe/Berlin")
    assert end_date(AirflowConfig()) is None


def test_a_description_fits_airflow_s_column() -> None:
    minutes, hours, days = (",".join(map(str, numbers)) for numbers in (range(60), range(24), range(1, 32)))
    cron = f"{minutes} {hours} {days} {','.join(['1,2,3,4,5,6'] * 20)} *"
    timetable = schedule(AirflowConfig(scheduleInterval=cron))
    assert isinstance(timetable, PipelineTimetable)
    assert len(CronTriggerTimetable(cron, timezone="UTC").description) > 1000
    assert len(timetable.description) == 1000
