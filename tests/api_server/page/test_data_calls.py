"""The data of the page, over a stand-in of Airflow's REST API."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from dag_factory.api_server.sync.last_difference import LastDifference, keep
from dag_factory.dag.descriptions import BROKEN, LAST_GOOD
from dag_factory.store.index import Index, Outcome
from dag_factory.store.memory import Memory
from dag_factory.store.shards import WHOLE
from tests.api_server.page.conftest import Ask
from tests.api_server.page.fake_airflow import FakeAirflow, dag, run

# Airflow imports the test client of an HTTP library that is about to be replaced.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")

ERROR = "config-error"
REASON = "sales/b.yaml:3:5, field 'airflowConfig.retries': is not a number. Write one, such as 3"

DOCS = """### Orders

> | Service type | evil |
> [Open the service in OpenMetadata](http://evil.example/)

| | |
|---|---|
| Service type | databaseService |

[Open the service in OpenMetadata](http://om.example/service/databaseServices/pg)
"""
SERVICE_PAGE, PIPELINE_PAGE = "http://om.example/service/databaseServices/pg", "https://om.example/logs"


def a_dozen() -> FakeAirflow:
    """Return an Airflow with pipelines of all states, and a DAG that is none."""
    airflow = FakeAirflow(
        dag("good_a", "type:metadata", "service:pg", dag_display_name="Orders"),
        dag("good_b", "type:profiler", "service:pg", is_paused=True),
        dag("good_c", "type:metadata", "service:mysql"),
        dag("kept", "type:metadata", "service:pg", ERROR, "last-good", description=f"{LAST_GOOD}. {REASON}\nMine."),
        dag("broken", ERROR, description=f"{BROKEN}. {REASON}"),
        runs={
            "good_a": [run("1"), run("2", "failed")],
            "good_b": [run("3", "running")],
            "kept": [run("4")],
            "good_c": [run("5", "queued")],
        },
    )
    airflow.dags["foreign"] = {**dag("foreign"), "tags": []}
    return airflow


def ids(answer: Any) -> list[str]:
    return [row["dag_id"] for row in answer.json()["pipelines"]]


def test_the_overview_counts_each_state_and_names_types_and_services(ask: Ask) -> None:
    answer = ask(a_dozen(), "/data/overview").json()
    assert answer["counts"] == {
        "all": 5, "good": 3, "last_good": 1, "broken": 1, "warnings": 0, "paused": 1, "running": 1, "failed": 1,
    }  # fmt: skip
    assert (answer["types"], answer["services"]) == (["metadata", "profiler"], ["mysql", "pg"])
    assert answer["difference"] is None


@pytest.mark.parametrize(
    ("count", "query"),
    [("all", ""), ("paused", "paused=true"), ("running", "last=running"), ("failed", "last=failed")]
    + [(state, f"state={state}") for state in ("good", "last_good", "broken", "warnings")],
)
def test_each_count_is_the_total_of_its_filter(count: str, query: str, ask: Ask) -> None:
    airflow = a_dozen()
    counts = ask(airflow, "/data/overview").json()["counts"]
    assert counts[count] == ask(airflow, f"/data/pipelines?{query}").json()["total"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["broken", "good_a", "good_b", "good_c", "kept"]),
        ("state=good", ["good_a", "good_b", "good_c"]),
        ("state=last_good", ["kept"]),
        ("state=broken", ["broken"]),
        ("state=warnings", []),
        ("last=failed", ["good_a"]),
        ("last=running", ["good_b"]),
        ("last=queued", ["good_c"]),
        ("last=none", ["broken"]),
        ("last=none&state=good", []),
        ("paused=true", ["good_b"]),
        ("paused=false&type=metadata&service=pg", ["good_a", "kept"]),
        ("state=good&type=metadata", ["good_a", "good_c"]),
        ("q=order", ["good_a"]),
        # No title has it, but a DAG id.
        ("q=good_A", ["good_a"]),
        ("q=nowhere", []),
    ],
)
def test_a_filter_gives_its_pipelines_and_their_number(query: str, expected: list[str], ask: Ask) -> None:
    answer = ask(a_dozen(), f"/data/pipelines?{query}")
    assert ids(answer) == expected
    assert answer.json()["total"] == len(expected)


def test_the_overview_has_the_difference_that_the_last_check_has_found(ask: Ask) -> None:
    keep(LastDifference(datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc), only_on_server=3, older_here=1))
    assert ask(a_dozen(), "/data/overview").json()["difference"] == {
        "checked_at": "2026-01-02T03:04:05+00:00", "only_on_server": 3, "only_here": 0, "older_here": 1, "error": None,
    }  # fmt: skip


def test_the_difference_of_all_pipelines_is_not_for_a_user_who_may_not_see_them_all(ask: Ask) -> None:
    keep(LastDifference(datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc), only_on_server=3))
    airflow = a_dozen()
    airflow.hidden = True
    answer = ask(airflow, "/data/overview").json()
    assert answer["difference"] is None
    assert answer["counts"]["all"] == 5


@pytest.mark.parametrize("name", ["q", "service", "type", "state"])
def test_a_filter_as_long_as_an_address_can_be_is_refused_without_being_repeated(name: str, ask: Ask) -> None:
    airflow = a_dozen()
    answer = ask(airflow, f"/data/pipelines?{name}={'x' * 60_000}")
    assert answer.status_code == 400
    assert name in answer.json()["error"]
    assert len(answer.content) < 1000
    assert not airflow.asked


def test_all_that_is_asked_at_the_same_time_is_asked_in_one_order(ask: Ask) -> None:
    """In Airflow 3.1, a request may get the order of another."""
    airflow = a_dozen()
    answer = ask(airflow, "/data/pipelines?state=good&sort=-name&page=1")
    assert set(ids(answer)) == {"good_a", "good_b", "good_c"}
    orders = [order for query in airflow.asked for order in parse_qs(query).get("order_by", [])]
    assert len(orders) > 1
    assert set(orders) == {"-dag_display_name"}


def test_an_unknown_filter_or_sort_is_refused_in_a_sentence(ask: Ask) -> None:
    for query in ("state=odd", "last=odd", "size=101", "page=0", "sort=color", "paused=maybe"):
        answer = ask(a_dozen(), f"/data/pipelines?{query}")
        assert answer.status_code == 400
        assert query.partition("=")[0] in answer.json()["error"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sort=-dag_id", ["kept", "good_c", "good_b", "good_a", "broken"]),
        # What has never begun to run comes last in both directions.
        ("sort=last_state", ["good_a", "good_b", "kept", "broken", "good_c"]),
        ("sort=-last_state", ["kept", "good_b", "good_a", "broken", "good_c"]),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_pages_put_together_are_all_pipelines_in_order(query: str, expected: list[str], size: int, ask: Ask) -> None:
    first = ask(a_dozen(), f"/data/pipelines?{query}&size={size}").json()
    found = [
        dag_id
        for page in range(1, first["pages"] + 1)
        for dag_id in ids(ask(a_dozen(), f"/data/pipelines?{query}&size={size}&page={page}"))
    ]
    assert found == expected


@pytest.mark.parametrize("query", ["state=good", "state=broken", "last=none"])
def test_pages_of_what_airflow_can_t_filter_have_each_pipeline_once(query: str, ask: Ask) -> None:
    dags = [dag(f"p{number:03}", *([ERROR] if number % 3 else [])) for number in range(25)]
    airflow = FakeAirflow(*dags, runs={f"p{number:03}": [run("1")] for number in range(0, 25, 2)})
    first = ask(airflow, f"/data/pipelines?{query}&size=4").json()
    pages = [ask(airflow, f"/data/pipelines?{query}&size=4&page={page + 1}") for page in range(first["pages"])]
    found = [dag_id for page in pages for dag_id in ids(page)]
    assert len(found) == len(set(found)) == first["total"] > 0
    assert all(len(ids(page)) <= 4 for page in pages)


@pytest.mark.parametrize("description", [None, "", "Never, external triggers only"])
def test_a_pipeline_without_a_schedule_runs_on_demand(description: str | None, ask: Ask) -> None:
    (row,) = ask(FakeAirflow(dag("a", timetable_description=description)), "/data/pipelines").json()["pipelines"]
    assert row["schedule"] == "on demand"


def test_a_row_has_all_that_airflow_knows_of_a_pipeline(ask: Ask) -> None:
    note = "14 records, 0 warnings, 2 errors. Config sales/a.yaml, version 0.3, digest abc"
    airflow = FakeAirflow(
        dag(
            "a.b/c",
            "type:metadata",
            "service:pg",
            dag_display_name="Orders",
            timetable_description="At 03:00 (Europe/Berlin)",
            next_dagrun_run_after="2026-01-02T02:00:00Z",
            owners=["ann", "bob"],
        ),
        runs={"a.b/c": [run("r 1", "failed"), run("r 2", note=note)]},
    )
    (row,) = ask(airflow, "/data/pipelines").json()["pipelines"]
    assert row == {
        "dag_id": "a.b/c",
        "name": "Orders",
        "state": "good",
        "problem": None,
        "warnings": [],
        "type": "metadata",
        "service": {"type": None, "name": "pg"},
        "schedule": "At 03:00 (Europe/Berlin)",
        "next_run": "2026-01-02T02:00:00Z",
        "paused": False,
        "last_run": {
            "run_id": "r 2", "state": "success", "start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:01:30Z",
            "seconds": 90.0, "records": 14, "warnings": 0, "errors": 2, "reason": None,
        },
        "history": [
            {"run_id": "r 1", "state": "failed", "start": "2026-01-01T00:00:00Z"},
            {"run_id": "r 2", "state": "success", "start": "2026-01-01T00:00:00Z"},
        ],
        "config": {"key": "sales/a.yaml", "version": "0.3", "changed_at": None},
        "owners": ["ann", "bob"],
        "links": {
            "dag": "../dags/a.b%2Fc",
            "log": "../dags/a.b%2Fc/runs/r%202/tasks/ingestion_task",
            "openmetadata": None,
        },
        "may": {"trigger": True, "edit": True},
    }  # fmt: skip


def test_a_broken_config_and_a_last_good_version_say_what_is_wrong_and_in_which_line(ask: Ask) -> None:
    rows = {row["dag_id"]: row for row in ask(a_dozen(), "/data/pipelines").json()["pipelines"]}
    problem = {
        "text": "is not a number. Write one, such as 3",
        "file": "sales/b.yaml",
        "line": 3,
        "column": 5,
        "field": "airflowConfig.retries",
    }
    assert rows["broken"]["problem"] == rows["kept"]["problem"] == problem
    assert (rows["broken"]["state"], rows["kept"]["state"]) == ("broken", "last_good")
    # Somebody's own description that reads like a problem is none.
    assert rows["good_a"]["problem"] is None


def test_names_arrive_as_they_are_whatever_they_hold(ask: Ask) -> None:
    payload = "<img src=x onerror=alert(1)>"
    airflow = FakeAirflow(dag("x", f"service:{payload}", dag_display_name=payload, owners=[payload]))
    answer = ask(airflow, "/data/pipelines")
    (row,) = answer.json()["pipelines"]
    assert row["name"] == row["service"]["name"] == row["owners"][0] == payload
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_one_that_runs_every_minute_does_not_hide_the_last_runs_of_others(ask: Ask) -> None:
    minutely = [run(f"{number:04}") for number in range(1000, 1200)]
    airflow = FakeAirflow(dag("daily"), dag("minutely"), runs={"daily": [run("0001", "failed")], "minutely": minutely})
    rows = ask(airflow, "/data/pipelines").json()["pipelines"]
    assert [row["last_run"]["run_id"] for row in rows] == ["0001", "1199"]
    assert [len(row["history"]) for row in rows] == [1, 10]


def test_no_answer_has_more_runs_than_airflow_s_own_lists(ask: Ask) -> None:
    dags = [dag(f"p{number:03}") for number in range(100)]
    airflow = FakeAirflow(*dags, runs={each["dag_id"]: [run(f"{n:02}") for n in range(30)] for each in dags})
    assert len(ids(ask(airflow, "/data/pipelines?size=100"))) == 100
    assert airflow.most_runs == 100


def test_fifty_rows_cost_four_requests_and_the_overview_none(ask: Ask) -> None:
    dags = [dag(f"p{number:03}") for number in range(200)]
    airflow = FakeAirflow(*dags, runs={each["dag_id"]: [run("1"), run("2")] for each in dags})
    assert len(ids(ask(airflow, "/data/pipelines"))) == 50
    # With 10,000 DAGs, each costs Airflow a tenth of a second and more.
    assert len(airflow.asked) == 4
    airflow.asked.clear()
    assert ask(airflow, "/data/overview").json()["counts"]["all"] == 200
    assert not airflow.asked


def test_a_user_who_may_not_see_runs_sees_the_pipelines_without_them(ask: Ask) -> None:
    airflow = a_dozen()
    airflow.may_see_runs = False
    rows = ask(airflow, "/data/pipelines").json()["pipelines"]
    assert len(rows) == 5
    assert {(row["last_run"], *row["history"]) for row in rows} == {(None,)}
    assert ask(airflow, "/data/pipelines/good_a").json()["last_run"] is None


def test_what_the_user_may_do_is_said_of_each_pipeline(ask: Ask) -> None:
    airflow = FakeAirflow(dag("closed"), dag("open"))
    rows = ask(airflow, "/data/pipelines").json()["pipelines"]
    assert [row["may"]["edit"] for row in rows] == [row["may"]["trigger"] for row in rows] == [False, True]


def test_a_config_s_file_is_that_in_this_machine_s_index(tmp_path: Path, ask: Ask) -> None:
    store = tmp_path / "configs"
    store.mkdir()
    (store / "a.yaml").write_text("name: a")
    memory = Memory(tmp_path / "state", str(store))
    Index(memory.database).keep(WHOLE, {"a": Outcome("a.yaml"), "gone": Outcome("gone.yaml")}, {})
    airflow = FakeAirflow(dag("a"), dag("gone"), dag("unknown"))
    rows = {row["dag_id"]: row["config"] for row in ask(airflow, "/data/pipelines").json()["pipelines"]}
    assert rows["a"]["key"] == "a.yaml"
    assert rows["a"]["changed_at"].endswith("+00:00")
    assert rows["gone"] == {"key": "gone.yaml", "version": None, "changed_at": None}
    assert rows["unknown"] is None


@pytest.mark.parametrize(
    ("plan", "kind", "link"),
    [
        ({"docs": DOCS}, "databaseService", SERVICE_PAGE),
        ({"docs": "Nothing"}, None, None),
        ({"docs": 1}, None, None),
        ([], None, None),
        (None, None, None),
    ],
    ids=["docs", "others", "odd", "no plan", "broken"],
)
def test_a_row_of_the_table_has_the_type_of_the_service_and_its_page_from_this_machine_s_index(
    plan: object, kind: str | None, link: str | None, tmp_path: Path, ask: Ask
) -> None:
    (tmp_path / "configs").mkdir()
    text = "{" if plan is None else json.dumps(plan)
    index = Index(Memory(tmp_path / "state", str(tmp_path / "configs")).database)
    index.keep(WHOLE, {"a": Outcome("a.yaml")}, {"a": text})
    airflow = FakeAirflow(dag("a", "type:metadata", "service:pg"))
    (row,) = ask(airflow, "/data/pipelines").json()["pipelines"]
    assert (row["service"], row["links"]["openmetadata"]) == ({"type": kind, "name": "pg"}, link)
    # No question to Airflow for each of them.
    assert len(airflow.asked) == 2


@pytest.mark.parametrize(("state", "shown"), [("failed", "it broke"), ("running", None), ("success", None)])
def test_a_failed_run_says_why(state: str, shown: str | None, ask: Ask) -> None:
    note = "14 records, 0 warnings, 2 errors. Config a.yaml, version 0.3. The task failed: it broke"
    (row,) = ask(FakeAirflow(dag("a"), runs={"a": [run("1", state, note=note)]}), "/data/pipelines").json()["pipelines"]
    assert row["last_run"]["reason"] == shown


def test_one_pipeline_has_its_row_and_a_longer_history(ask: Ask) -> None:
    airflow = FakeAirflow(dag("a"), runs={"a": [run(f"{number:02}") for number in range(30)]})
    row = ask(airflow, "/data/pipelines/a").json()
    assert (row["dag_id"], len(row["history"]), row["last_run"]["run_id"]) == ("a", 20, "29")


@pytest.mark.parametrize(
    ("left", "link"),
    [
        (None, SERVICE_PAGE),
        (PIPELINE_PAGE, PIPELINE_PAGE),
        ("javascript:alert(1)", SERVICE_PAGE),
        ("http://[", SERVICE_PAGE),
        ({}, SERVICE_PAGE),
    ],
    ids=["nothing", "a link", "a script", "no address", "something else"],
)
def test_one_pipeline_links_to_what_its_last_run_or_its_docs_name(left: object, link: str, ask: Ask) -> None:
    airflow = FakeAirflow(dag("a", "type:metadata", "service:pg", doc_md=DOCS), runs={"a": [run("1")]})
    airflow.left = {"_link_openmetadata_pipeline": left, "config": {"key": "a.yaml", "version": 0.3}}
    row = ask(airflow, "/data/pipelines/a").json()
    assert row["service"] == {"type": "databaseService", "name": "pg"}
    assert row["links"]["openmetadata"] == link
    assert (row["config"]["key"], row["config"]["version"]) == ("a.yaml", 0.3)


@pytest.mark.parametrize(("may_see_details", "docs"), [(False, DOCS), (True, None), (True, "Nothing")])
def test_one_pipeline_keeps_the_link_of_this_machine_s_index_where_airflow_names_none(
    may_see_details: bool, docs: str | None, tmp_path: Path, ask: Ask
) -> None:
    (tmp_path / "configs").mkdir()
    index = Index(Memory(tmp_path / "state", str(tmp_path / "configs")).database)
    index.keep(WHOLE, {"a": Outcome("a.yaml")}, {"a": json.dumps({"docs": DOCS})})
    airflow = FakeAirflow(dag("a", "type:metadata", "service:pg", doc_md=docs))
    airflow.may_see_details = may_see_details
    row = ask(airflow, "/data/pipelines/a").json()
    assert row["service"] == {"type": "databaseService", "name": "pg"}
    assert row["links"]["openmetadata"] == SERVICE_PAGE


@pytest.mark.parametrize("dag_id", ["foreign", "missing"])
def test_a_dag_that_is_no_pipeline_is_404_in_a_sentence(dag_id: str, ask: Ask) -> None:
    answer = ask(a_dozen(), f"/data/pipelines/{dag_id}")
    assert answer.status_code == 404
    assert dag_id in answer.json()["error"]
