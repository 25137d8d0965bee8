"""Actions on many pipelines, over a stand-in of Airflow's REST API."""

from __future__ import annotations

import json

import pytest

from dag_factory.settings.airflow_versions import MOST_CHANGED_AT_ONCE
from tests.api_server.page.conftest import Ask, AskTogether
from tests.api_server.page.fake_airflow import FakeAirflow, dag, run

# Airflow imports the test client of an HTTP library that is about to be replaced.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")


def some() -> FakeAirflow:
    return FakeAirflow(
        dag("a", "type:metadata", "service:pg"),
        dag("b", "type:metadata", "service:pg", is_paused=True),
        dag("c", "type:profiler", "service:mysql", "config-error"),
        dag("closed", "type:metadata", "service:pg"),
        runs={"a": [run("1", "failed")], "b": [run("2")], "closed": [run("3", "failed")]},
        closed=("closed",),
    )


@pytest.mark.parametrize(
    ("action", "changes"),
    [
        ("pause", [("paused", "a"), ("paused", "b")]),
        ("unpause", [("unpaused", "a"), ("unpaused", "b")]),
        ("trigger", [("triggered", "a"), ("triggered", "b")]),
        ("retry", [("cleared 1", "a")]),
    ],
)
def test_an_action_is_done_with_each_that_allows_it_and_the_others_say_why_not(
    action: str, changes: list[tuple[str, str]], ask: Ask
) -> None:
    airflow = some()
    body = {"action": action, "dag_ids": ["a", "b", "a", "closed", "missing"]}
    answer = ask(airflow, "/data/actions", method="POST", json=body).json()
    assert sorted(airflow.changes, key=lambda change: change[1]) == changes
    assert (answer["done"], answer["left"]) == (len(changes), [])
    reasons = {each["dag_id"]: each["reason"] for each in answer["refused"]}
    assert {"closed", "missing"} <= set(reasons)
    assert reasons["closed"] == "The user lacks Airflow's permission for this. Ask Airflow's operator for it."
    assert reasons.get("b") == ("Its last run has not failed." if action == "retry" else None)


@pytest.mark.parametrize("paused", [True, False])
def test_pausing_by_filter_is_one_request_and_counts_what_it_changes(paused: bool, ask: Ask) -> None:
    airflow = some()
    body = {"action": "pause" if paused else "unpause", "filter": {"service": "pg", "type": "metadata"}}
    answer = ask(airflow, "/data/actions", method="POST", json=body).json()
    assert answer["done"] == 1
    assert [kind for kind, _ in airflow.changes] == ["patch"]
    assert {dag_id: each["is_paused"] for dag_id, each in airflow.dags.items()} == {
        "a": paused, "b": paused, "c": False, "closed": False,
    }  # fmt: skip


def test_pausing_by_filter_pauses_more_than_airflow_lists_at_once(ask: Ask) -> None:
    airflow = FakeAirflow(*(dag(f"p{number:03}") for number in range(250)))
    answer = ask(airflow, "/data/actions", method="POST", json={"action": "pause", "filter": {}}).json()
    assert answer["done"] == 250
    assert all(each["is_paused"] for each in airflow.dags.values())
    assert len(airflow.changes) == (1 if MOST_CHANGED_AT_ONCE is None else 3)


def test_a_user_who_may_edit_only_some_pipelines_pauses_these(ask: Ask) -> None:
    airflow = some()
    airflow.may_edit_all = False
    body = {"action": "pause", "filter": {"service": "pg"}}
    answer = ask(airflow, "/data/actions", method="POST", json=body).json()
    assert sorted(dag_id for _, dag_id in airflow.changes) == ["a", "b"]  # several are asked for at once
    assert [each["dag_id"] for each in answer["refused"]] == ["closed"]


def test_pausing_what_is_paused_asks_for_nothing(ask: Ask) -> None:
    airflow = some()
    body = {"action": "pause", "filter": {"paused": True}}
    assert ask(airflow, "/data/actions", method="POST", json=body).json()["done"] == 0
    assert not airflow.changes


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [({"state": "good"}, ["a", "b", "closed"]), ({"last": "failed"}, ["a", "closed"]), ({"q": "A"}, ["a"])],
)
def test_a_filter_that_airflow_s_change_does_not_have_is_acted_on_one_by_one(
    wanted: dict[str, str], expected: list[str], ask: Ask
) -> None:
    airflow = some()
    answer = ask(airflow, "/data/actions", method="POST", json={"action": "pause", "filter": wanted}).json()
    acted = [dag_id for _, dag_id in airflow.changes] + [each["dag_id"] for each in answer["refused"]]
    assert sorted(acted) == expected


def test_a_dry_run_says_with_which_and_changes_nothing(ask: Ask) -> None:
    dags = [dag(f"p{number:03}") for number in range(250)]
    airflow = FakeAirflow(*dags)
    body = {"action": "trigger", "filter": {}, "dry_run": True}
    answer = ask(airflow, "/data/actions", method="POST", json=body).json()
    assert answer == {"total": 250, "dag_ids": [each["dag_id"] for each in dags]}
    assert not airflow.changes


def test_two_users_who_act_on_the_same_pipelines_at_once_each_hear_what_they_did(ask_together: AskTogether) -> None:
    airflow = some()
    pause, unpause = ({"action": action, "dag_ids": ["a", "b", "closed"]} for action in ("pause", "unpause"))
    answers = ask_together(airflow, "/data/actions", [pause, unpause])
    assert [(each["done"], [one["dag_id"] for one in each["refused"]]) for each in answers] == [(2, ["closed"])] * 2
    assert sorted(airflow.changes) == [("paused", "a"), ("paused", "b"), ("unpaused", "a"), ("unpaused", "b")]


def test_what_there_was_no_time_for_is_left(ask: Ask) -> None:
    airflow = some()
    body = {"action": "trigger", "dag_ids": ["a", "b"]}
    answer = ask(airflow, "/data/actions", method="POST", seconds=0.0, json=body).json()
    assert answer == {"done": 0, "refused": [], "left": ["a", "b"]}
    assert not airflow.changes


def test_more_ids_than_are_read_are_refused_with_the_way_out(ask: Ask) -> None:
    airflow = some()
    body = {"action": "pause", "dag_ids": [f"{number:0250}" for number in range(10_000)]}
    answer = ask(airflow, "/data/actions", method="POST", json=body)
    assert answer.status_code == 413
    assert "Send fewer DAG ids at once" in answer.json()["error"]
    assert not airflow.changes


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b'{"action": "delete", "dag_ids": ["a"]}', b'{"action": "pause"}',
        b'{"action": "pause", "dag_ids": ["a"], "filter": {}}', b'{"action": "pause", "filter": {"odd": 1}}',
        b'{"action": "pause", "dag_ids": "a"}', b'{"action": "pause", "dag_ids": [""]}',
        json.dumps({"action": "pause", "dag_ids": ["a"] * 10_001}).encode(), b"[" * 100_000,
        json.dumps({"action": "pause", "filter": {"q": "x" * 1_000_000}}).encode(),
    ],
    ids=range(13),
)  # fmt: skip
def test_a_wrong_body_is_refused_in_a_sentence_and_changes_nothing(body: bytes, ask: Ask) -> None:
    airflow = some()
    answer = ask(airflow, "/data/actions", method="POST", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")
    assert not airflow.changes
