"""What is said of loads, from their figures alone: near a limit, stopped, killed, and how many shards are due."""

from __future__ import annotations

import json

import pytest

from dag_factory.dag.load_history import MODULE_LIMIT, PARSE_LIMIT, Limits, LoadHistory, LoadRecord, problem_of
from dag_factory.store.shards import Shard

LIMITS = Limits(module=30, parse=50)
NOON = 1_800_000_000.0


def after(*loads: LoadRecord) -> LoadHistory:
    """Return what is known after these loads, each of which has begun once the one before had ended or was killed."""
    known = LoadHistory()
    for load in loads:
        known = known.began(LoadRecord(load.began, load.limits)).went_on(load)
    return known


def complete(dags: int, built: float, ended: float, limits: Limits = LIMITS) -> LoadRecord:
    return LoadRecord(NOON, limits, dags, built=built, ended=ended)


@pytest.mark.parametrize(
    ("load", "words"),
    [
        (complete(1_000, 2, 5), None),
        (complete(9_000, 20, 35), None),
        (complete(10_000, 12, 40), f"took 40 s of the 50 s of {PARSE_LIMIT} for 10000 DAGs. With about 12500 Airflow"),
        (complete(10_000, 24, 38), f"took 24 s of the 30 s of {MODULE_LIMIT} for 10000 DAGs. With about 12500 Airflow"),
        (complete(10_000, 290, 390, Limits(None, None)), None),
        (complete(10_000, 29, 390, Limits(30, None)), "took 29 s of the 30 s of [core]"),
    ],
    ids=["far", "below", "parse", "module", "no_limits", "one_limit"],
)  # fmt: skip
def test_a_load_near_a_limit_says_which_one_and_at_how_many_dags_it_is_reached(
    load: LoadRecord, words: str | None
) -> None:
    problem = problem_of(after(load))
    assert (problem or "") == "" if words is None else words in (problem or "")


@pytest.mark.parametrize(
    ("limits", "given", "setting"),
    [(LIMITS, 25, f"raise {PARSE_LIMIT} to 100 "), (Limits(10, 50), 10, f"raise {MODULE_LIMIT} to 20 ")],
    ids=["parse", "module"],
)
def test_configs_that_have_to_wait_are_counted_and_the_limit_is_named(
    limits: Limits, given: float, setting: str
) -> None:
    for fields, words in (
        ({"left_out": 2}, "2 new configs are not loaded yet: with them"),
        ({"put_off": 1}, "1 configs have changed and were not judged yet, so their DAGs stay as they were"),
        ({"left_out": 2, "put_off": 1}, "2 new configs"),
    ):
        problem = problem_of(after(LoadRecord(NOON, limits, 8_000, given, given / 2 + 1, None, **fields))) or ""
        assert problem.startswith(words)
        assert f"exceed the {given} s that Airflow gives to it, and then no DAG would be left" in problem
        assert "init --shards 4)" in problem
        assert setting in problem
        assert "[core] dagbag_import_timeout" in problem


def test_configs_that_wait_come_before_what_was_killed_earlier() -> None:
    killed = after(LoadRecord(NOON, LIMITS), LoadRecord(NOON + 60, LIMITS))
    waiting = killed.went_on(LoadRecord(NOON + 60, LIMITS, 8_000, 25, 13, left_out=1))
    assert "new configs" in (problem_of(waiting) or "")


@pytest.mark.parametrize(("used", "is_said"), [(14, False), (14.1, True)])
def test_a_load_that_has_used_much_of_its_time_says_so_even_before_its_parse_has_ended(
    used: float, is_said: bool
) -> None:
    load = LoadRecord(NOON, Limits(None, 40), 8_000, 20, used)
    assert (problem_of(after(load)) is not None) is is_said
    module = LoadRecord(NOON, Limits(20, None), 8_000, 20, used)
    assert (problem_of(after(module)) is not None) is is_said
    if is_said:
        assert f"took 14 s of the 20 s that leave Airflow the time to store its DAGs ({PARSE_LIMIT})" in (
            problem_of(after(load)) or ""
        )
        assert f"took 14 s of the 20 s of {MODULE_LIMIT}" in (problem_of(after(module)) or "")


@pytest.mark.parametrize(
    ("of", "seconds", "shards", "setting"),
    [(1, 36, 4, 103), (1, 49, 4, 140), (1, 50, 4, 143), (4, 40, 16, 114), (64, 40, 256, 114), (4096, 40, 4096, 114)],
)
def test_the_way_out_has_numbers(of: int, seconds: float, shards: int, setting: int) -> None:
    shard = Shard(of - 1, of)
    problem = problem_of(after(complete(1_000, 5, seconds)), shard) or ""
    assert f"parse of {shard.file_name} took" in problem
    assert f"init --shards {shards})" in problem
    assert f"raise [dag_processor] dag_file_processor_timeout to {setting} for the DAG processor" in problem


def test_a_load_that_began_and_did_not_end_was_killed_once_the_next_begins() -> None:
    begun = after(complete(9_000, 10, 20), LoadRecord(NOON + 60, LIMITS))
    assert problem_of(begun) is None
    killed = begun.began(LoadRecord(NOON + 200, LIMITS))
    assert (problem_of(killed) or "").startswith(
        "The last parse of openmetadata_loader.py began and did not end (the one of 2027-01-15 08:00:00 UTC did, "
        f"with 9000 DAGs). Airflow kills a parse after 50 s ({PARSE_LIMIT}), and removes the DAGs of a file that it "
        "can't parse."
    )
    assert "init --shards 8)" in (problem_of(killed) or "")
    again = killed.began(LoadRecord(NOON + 300, LIMITS))
    assert "The last 2 parses of openmetadata_loader.py" in (problem_of(again) or "")


def test_a_load_that_was_killed_while_airflow_serialized_its_dags_counts_as_killed() -> None:
    built = LoadRecord(NOON, LIMITS, dags=20_000, built=24)
    assert after(built, LoadRecord(NOON + 100, LIMITS)).killed == 1


def test_a_load_that_ends_makes_good_for_those_that_were_killed() -> None:
    killed = after(LoadRecord(NOON, LIMITS), LoadRecord(NOON + 60, LIMITS))
    assert killed.killed == 1
    assert problem_of(killed.began(LoadRecord(NOON + 120, LIMITS)).went_on(complete(1_000, 2, 4))) is None


def test_without_a_limit_what_did_not_end_was_killed_by_something_else() -> None:
    none = Limits(None, None)
    problem = problem_of(after(LoadRecord(NOON, none), LoadRecord(NOON + 60, none))) or ""
    assert "short of memory" in problem
    assert "shards" not in problem


def test_a_load_that_airflow_stopped_by_an_exception_is_told_from_one_that_it_killed() -> None:
    problem = problem_of(after(LoadRecord(NOON, LIMITS, ended=31))) or ""
    assert (
        "Airflow stopped the last load of openmetadata_loader.py after 30 s ([core] dagbag_import_timeout)" in problem
    )


def test_a_load_of_a_store_that_is_away_is_neither_near_a_limit_nor_stopped() -> None:
    away = LoadRecord(NOON, LIMITS, dags=None, built=1, ended=45)
    assert problem_of(after(away)) is None
    assert after(complete(9_000, 10, 20), away).complete == complete(9_000, 10, 20)


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [
        (Limits(30, 50), 25),
        (Limits(10, 50), 10),
        (Limits(None, 50), 25),
        (Limits(30, None), 30),
        (Limits(None, None), None),
        (Limits(60, 200), 60),
    ],
    ids=["half", "module", "no_module", "no_parse", "none", "large"],
)
def test_a_load_may_take_what_airflow_gives_to_the_module_and_half_of_what_it_gives_to_the_parse(
    limits: Limits, seconds: float | None
) -> None:
    assert LoadHistory().build_seconds(limits) == seconds


def test_where_airflow_s_own_part_takes_most_of_a_parse_a_load_may_take_less() -> None:
    assert after(complete(9_000, 5, 40)).build_seconds(LIMITS) == pytest.approx(50 / 8)
    assert after(complete(9_000, 30, 40)).build_seconds(LIMITS) == 25
    # That of a few DAGs says nothing.
    assert after(complete(3, 0.01, 0.5)).build_seconds(LIMITS) == 25


def test_a_load_is_read_back_from_its_note_and_anything_else_is_not_one() -> None:
    load = complete(9_000, 10, 20)
    assert LoadRecord.from_json(json.loads(json.dumps(load.as_json()))) == load
    others: list[object] = [None, [], {}, "load", {**load.as_json(), "limits": None}, {**load.as_json(), "built": "x"}]
    for other in others:
        assert LoadRecord.from_json(other) is None
