"""Crons, timezones and moments with which schedules are compared."""

from __future__ import annotations

from datetime import datetime, timedelta

import pendulum
from hypothesis import strategies as st

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
