"""Who may report the outcome of a run, who overrides whom, and with which reason."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from dag_factory.portable.openmetadata.outcomes import (
    FINAL,
    LONGEST_REASON,
    Report,
    Reporter,
    clean_reason,
    is_final,
    left_by_task,
    status_after,
)
from tests.statuses import reason_of

RUN = "0198a7f4-5c1e-7d2b-9f3a-1b2c3d4e5f60"
BEGAN, THEN, NOW = 1_000_000, 1_050_000, 1_100_000
STEP = {"name": "Source", "records": 3, "errors": 0}

FAILED = {"pipelineState": "failed", "startDate": BEGAN, "endDate": THEN}

# What the server has. A failure may have a reason, and that is somebody's.
HAS: dict[str, dict[str, Any] | Reporter | None] = {
    "nothing": None,
    "queued": {"pipelineState": "queued", "timestamp": BEGAN},
    "running": {"pipelineState": "running", "startDate": BEGAN, "timestamp": BEGAN},
    "success": {"pipelineState": "success", "startDate": BEGAN, "endDate": THEN},
    "partial": {"pipelineState": "partialSuccess", "startDate": BEGAN, "endDate": THEN},
    "stopped": {"pipelineState": "stopped", "startDate": BEGAN, "endDate": THEN},
    "failed": FAILED,
    "failed:kill": Reporter.KILL_HANDLER,
    "failed:airflow": Reporter.SCHEDULER,
    "failed:user": Reporter.USER,
    "failed:task": Reporter.TASK,
    "before": {"pipelineState": "success", "startDate": BEGAN - 900, "endDate": BEGAN - 1},
    "before:task": {
        "pipelineState": "failed",
        "startDate": BEGAN - 900,
        "endDate": BEGAN - 1,
        "status": [{"name": "Airflow", "errors": 1, "failures": [{"name": "Task", "error": "of an earlier try"}]}],
    },
}

# Who reports what, by the column's name.
SAYS = {
    "workflow": Report(Reporter.WORKFLOW, "partialSuccess"),
    "task": Report(Reporter.TASK, "failed", "new"),
    "retry": Report(Reporter.TASK, "running", "new"),
    "left": Report(Reporter.LEFT_BY_TASK, "failed", "new"),
    "left+": Report(Reporter.LEFT_BY_TASK, "success"),
    "user": Report(Reporter.USER, "failed", "new"),
    "user+": Report(Reporter.USER, "success"),
    "airflow": Report(Reporter.SCHEDULER, "failed", "new"),
    "2nd": Report(Reporter.SCHEDULER, "failed", "new", is_second_look=True),
    "search": Report(Reporter.SEARCH, "failed", "new"),
    "kill": Report(Reporter.KILL_HANDLER, "failed", "new"),
}

# What the server has then: `.` what it had; `failed!` with the reason that came now, `failed` with that of before.
TABLE = """
server          workflow  task     retry     left     left+    user     user+    airflow  2nd      search   kill
nothing         partial   failed!  running!  failed!  success  failed!  success  failed!  failed!  failed!  failed!
queued          partial   failed!  running!  failed!  success  failed!  success  failed!  failed!  failed!  failed!
running         partial   failed!  running!  failed!  success  failed!  success  failed!  failed!  failed!  failed!
success         .         failed!  running!  .        .        failed!  .        .        failed!  .        .
partial         .         failed!  running!  .        .        failed!  success  .        failed!  .        .
stopped         .         failed!  running!  .        .        failed!  success  .        failed!  .        .
failed          .         failed!  running!  failed!  .        failed!  success  failed!  failed!  failed!  failed!
failed:kill     .         failed!  running!  failed!  .        failed!  success  failed!  failed!  failed!  .
failed:airflow  .         failed!  running!  failed!  .        failed!  success  .        .        .        .
failed:user     .         failed!  running!  failed!  .        .        success  .        .        .        .
failed:task     .         .        running!  .        .        .        success  .        .        .        .
before          partial   failed!  running!  failed!  success  failed!  success  failed!  failed!  failed!  failed!
before:task     partial   failed!  running!  failed!  success  failed!  success  failed!  failed!  failed!  failed!
"""
HEADER, *ROWS = [line.split() for line in TABLE.strip().splitlines()]
CASES = [(row[0], who, cell) for row in ROWS for who, cell in zip(HEADER[1:], row[1:], strict=True)]


def had(name: str) -> dict[str, Any] | None:
    known = HAS[name]
    if isinstance(known, Reporter):
        failure = {"name": known.value, "error": "old"}
        known = {**FAILED, "status": [STEP, {"name": "Airflow", "errors": 1, "failures": [failure]}]}
    return known and {"runId": RUN, "timestamp": BEGAN, **known}


def after(known: dict[str, Any] | None, report: Report) -> dict[str, Any] | None:
    return status_after(known, RUN, replace(report, since=BEGAN, started=report.started or BEGAN), now=NOW)


def test_the_table_has_every_pair() -> None:
    assert [row[0] for row in ROWS] == list(HAS)
    assert HEADER[1:] == list(SAYS)
    assert {report.reporter for report in SAYS.values()} == set(Reporter)
    assert {known["pipelineState"] for known in map(had, HAS) if known} == {*FINAL, "queued", "running"}


@pytest.mark.parametrize(("known", "says", "then"), CASES, ids=[f"{known}-{says}" for known, says, _ in CASES])
def test_what_the_server_has_after_a_report(known: str, says: str, then: str) -> None:
    status = after(had(known), SAYS[says])
    if then == ".":
        assert status is None
        return
    assert status is not None
    state = then.rstrip("!")
    assert status["pipelineState"] == ("partialSuccess" if state == "partial" else state)
    assert reason_of(status) == ("new" if then.endswith("!") else "")
    assert status["runId"] == RUN
    assert status["startDate"] == BEGAN
    assert ("endDate" in status) == (state != "running")
    if state != "running":
        assert status["endDate"] > status["startDate"]


@pytest.mark.parametrize(("known", "says", "then"), CASES, ids=[f"{known}-{says}" for known, says, _ in CASES])
def test_a_report_that_is_repeated_changes_nothing_more(known: str, says: str, then: str) -> None:
    status = after(had(known), SAYS[says]) or had(known)
    again = after(status, SAYS[says])
    assert again is None or {**again, "endDate": 0} == {**(status or {}), "endDate": 0}


def test_of_two_reports_the_same_comes_out_whatever_their_order_but_for_those_who_change_their_mind() -> None:
    failures = [SAYS[name] for name in ("task", "user", "airflow", "kill")]
    for first, second in product(failures, failures):
        one = after(after(had("running"), first) or had("running"), second) or after(had("running"), first)
        other = after(after(had("running"), second) or had("running"), first) or after(had("running"), second)
        assert one is not None
        assert other is not None
        assert one["status"] == other["status"]


def test_a_reason_stands_beside_the_workflow_s_own_steps_and_is_the_only_one() -> None:
    known = {**(had("failed:kill") or {}), "config": {"appConfig": {}}, "newer": 1}
    status = after(known, SAYS["task"])
    assert status is not None
    failure = {"name": "Task", "error": "new"}
    assert status["status"] == [STEP, {"name": "Airflow", "records": 0, "errors": 1, "failures": [failure]}]
    assert (status["config"], status["newer"]) == ({"appConfig": {}}, 1)
    assert status["endDate"] == THEN


def test_a_run_that_succeeds_in_the_end_has_no_reason_any_more() -> None:
    retried = after(had("running"), SAYS["retry"])
    status = after(retried, replace(SAYS["workflow"], steps=[STEP]))
    assert status is not None
    assert status["status"] == [STEP]


def test_an_earlier_try_leaves_neither_its_steps_nor_its_start() -> None:
    known = {"runId": RUN, "pipelineState": "failed", "startDate": 5, "endDate": 6, "timestamp": 5, "status": [STEP]}
    status = after(known, SAYS["airflow"])
    assert status is not None
    assert [step["name"] for step in status["status"]] == ["Airflow"]
    assert (status["startDate"], status["timestamp"]) == (BEGAN, 5)


def test_a_start_that_nobody_knows_is_left_out_and_not_made_up() -> None:
    status = status_after(None, RUN, Report(Reporter.TASK, "failed", "new"), now=NOW)
    assert status is not None
    assert "startDate" not in status
    assert status["timestamp"] == status["endDate"] == NOW


def test_a_clock_that_is_behind_lets_no_run_end_before_it_began() -> None:
    status = status_after(None, RUN, Report(Reporter.SCHEDULER, "failed", "new", started=NOW, ended=THEN), now=NOW)
    assert status is not None
    assert status["startDate"] <= status["endDate"]


@pytest.mark.parametrize("steps", [None, "text", {"a": 1}, [None, 1, {"name": "Airflow", "failures": "?"}]])
def test_what_another_version_of_the_server_has_in_the_steps_stops_no_report(steps: object) -> None:
    known = {"runId": RUN, "pipelineState": "failed", "endDate": THEN, "status": steps}
    status = after(known, SAYS["airflow"])
    assert status is not None
    assert reason_of(status) == "new"


@pytest.mark.parametrize("says", SAYS)
@pytest.mark.parametrize(
    "known",
    [
        {"pipelineState": ["failed"]},
        {"pipelineState": {"state": "failed"}},
        {"pipelineState": "failed", "endDate": "2024-01-01T00:00:00Z"},
        {"pipelineState": "failed", "timestamp": [THEN]},
        {"pipelineState": "running", "startDate": "2024-01-01T00:00:00Z"},
    ],
    ids=str,
)
def test_a_status_of_another_shape_counts_as_none(known: dict[str, Any], says: str) -> None:
    assert after({"runId": RUN, **known}, SAYS[says]) == after(None, SAYS[says])
    assert not is_final(known, BEGAN)


def test_a_reason_is_bounded_and_shows_no_control_characters_and_no_secret() -> None:
    assert len(clean_reason("x" * 1_000_000)) == LONGEST_REASON
    assert clean_reason(" a\x1b[31mb\x00\u202e\r\nc ") == "a[31mb\nc"
    assert "s3cr3t-canary" not in clean_reason("no way to postgresql://u:s3cr3t-canary@host/db")
    assert len(json.dumps(left_by_task("failed", 1, reason="x" * 1_000_000, is_reported=False))) < 2 * LONGEST_REASON


def test_a_reason_of_a_megabyte_is_cut_before_it_is_searched() -> None:
    status = status_after(None, RUN, Report(Reporter.TASK, "failed", "word " * 1_000_000), now=NOW)
    assert len(reason_of(status)) == LONGEST_REASON


def test_a_report_can_be_carried_by_json() -> None:
    for report in SAYS.values():
        assert Report.from_json(json.loads(json.dumps(report.to_json()))) == replace(report, steps=[])


@pytest.mark.parametrize(
    ("reported", "is_its_own"), [(BEGAN - 1, False), (BEGAN, True), (None, True)], ids=["before", "at once", "unknown"]
)
def test_a_final_state_is_a_try_s_own_from_when_it_began(reported: int | None, is_its_own: bool) -> None:
    assert is_final({"pipelineState": "failed", "endDate": reported}, BEGAN) is is_its_own


@pytest.mark.parametrize("state", ["queued", "running", None])
def test_a_run_that_goes_on_is_not_final(state: str | None) -> None:
    assert not is_final({"pipelineState": state})
    assert not is_final(None)
