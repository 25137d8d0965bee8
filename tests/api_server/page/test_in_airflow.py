"""The page's data and actions in a real Airflow, as its UI's users have them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.client import wait_until
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack
from tests.e2e.dags import tags
from tests.e2e.pipelines import drop, sample
from tests.e2e.runs import run

pytestmark = pytest.mark.e2e

PAGE = "/openmetadata-pipelines"
SHELF = {
    "service": {"type": "databaseService", "name": "page_shelf"},
    # It begins so late that no scheduled run is due in the tests.
    "airflowConfig": {"scheduleInterval": "0 3 * * *", "startDate": "2099-01-01"},
}
GOOD = ("page_one", "page_two", "page_three")
ALL = (*GOOD, "page_broken")
PAYLOAD = "<img src=x onerror=alert(1)>"
BROKEN = """\
name: page_broken
pipelineType: metadata
service: {type: databaseService, name: page_shelf}
airflowConfig:
  retries: many
"""


@pytest.fixture(scope="module")
def pipelines(airflow: AirflowStack, config_store: Path) -> None:
    """Three good pipelines of one service, and a broken config."""
    folder = config_store / "page"
    for name in GOOD:
        drop(folder, sample(name, displayName=f"{name} {PAYLOAD}", **SHELF))
    (folder / "broken.yaml").write_text(BROKEN)
    for name in ALL:
        airflow.wait_for_dag(name)


def browser(airflow: AirflowStack, username: str) -> httpx.Client:
    """Return a browser with the cookie that Airflow's UI has set for a user."""
    credentials = {"username": username, "password": airflow.passwords[username]}
    token = httpx.post(f"{airflow.url}/auth/token", json=credentials, trust_env=False).json()["access_token"]
    headers = {"Sec-Fetch-Site": "same-origin", "Cookie": f"_token={token}"}
    return httpx.Client(base_url=f"{airflow.url}{PAGE}", headers=headers, trust_env=False, timeout=60)


@pytest.fixture(scope="module")
def admin(airflow: AirflowStack, pipelines: None) -> Iterator[httpx.Client]:
    with browser(airflow, airflow.username) as client:
        yield client


def rows(client: httpx.Client, **query: str | bool) -> dict[str, dict[str, Any]]:
    answer = client.get("/data/pipelines", params={"size": 100, **query}).raise_for_status().json()
    assert answer["total"] == len(answer["pipelines"])
    return {each["dag_id"]: each for each in answer["pipelines"]}


def act(client: httpx.Client, **body: object) -> Any:
    return client.post("/data/actions", json=body).raise_for_status().json()


def test_airflow_has_the_page_in_its_menu_and_on_each_dag_s_page(airflow: AirflowStack, admin: httpx.Client) -> None:
    plugins = airflow.api("GET", "/api/v2/plugins")["plugins"]
    (ours,) = (each for each in plugins if each["name"] == "openmetadata_dag_factory")
    assert {each["destination"]: each["href"] for each in ours["external_views"]} == {
        "nav": "openmetadata-pipelines/",
        "dag": "openmetadata-pipelines/pipeline?dag_id={DAG_ID}",
    }
    for path in ("/", "/pipeline?dag_id=page_one", "/static/icon.svg"):
        assert admin.get(path).status_code == 200
    anonymous = httpx.get(f"{airflow.url}{PAGE}/", trust_env=False)
    assert (anonymous.status_code, anonymous.headers["content-type"].partition(";")[0]) == (401, "text/html")
    assert httpx.get(f"{airflow.url}{PAGE}/data/overview", trust_env=False).status_code == 401


def test_the_table_has_each_pipeline_with_its_state_reason_and_schedule(admin: httpx.Client) -> None:
    good = rows(admin, service="page_shelf", state="good", sort="-name")
    assert list(good) == sorted(GOOD, reverse=True)
    assert good["page_one"]["name"] == f"page_one {PAYLOAD}"
    assert good["page_one"]["schedule"] == "At 03:00 (UTC)"
    assert good["page_one"]["next_run"]
    assert good["page_one"]["config"]["key"] == "page/page_one.json"
    assert good["page_one"]["config"]["changed_at"]
    assert good["page_one"]["may"] == {"trigger": True, "edit": True}

    broken = rows(admin, state="broken", q="page_")["page_broken"]
    assert broken["problem"]["file"] == "page/broken.yaml"
    assert (broken["problem"]["line"], broken["problem"]["column"]) == (5, 3)
    assert broken["problem"]["field"] == "airflowConfig.retries"
    assert broken["problem"]["text"]

    counts = admin.get("/data/overview").json()["counts"]
    assert counts["good"] + counts["last_good"] + counts["broken"] == counts["all"] >= 4
    assert "page_shelf" in admin.get("/data/overview").json()["services"]
    assert set(GOOD) <= set(rows(admin, last="none", service="page_shelf"))


def test_a_service_is_paused_and_unpaused_by_its_filter(airflow: AirflowStack, admin: httpx.Client) -> None:
    assert act(admin, action="pause", filter={"service": "page_shelf"})["done"] == 4
    assert set(rows(admin, service="page_shelf", paused=True)) == set(ALL)
    assert act(admin, action="pause", filter={"service": "page_shelf"})["done"] == 0
    assert act(admin, action="unpause", dag_ids=["page_one"]) == {"done": 1, "refused": [], "left": []}
    assert act(admin, action="unpause", filter={"service": "page_shelf"})["done"] == 3
    assert not rows(admin, service="page_shelf", paused=True)


def test_a_viewer_sees_all_and_may_do_nothing(airflow: AirflowStack, admin: httpx.Client) -> None:
    with browser(airflow, "viewer") as viewer:
        found = rows(viewer, service="page_shelf")
        assert set(found) == set(ALL)
        assert all(each["may"] == {"trigger": False, "edit": False} for each in found.values())
        for action in ("pause", "trigger"):
            answer = act(viewer, action=action, dag_ids=["page_one"])
            assert (answer["done"], [each["dag_id"] for each in answer["refused"]]) == (0, ["page_one"])
        refused = act(viewer, action="pause", filter={"service": "page_shelf"})
        assert (refused["done"], len(refused["refused"])) == (0, 4)
    assert not rows(admin, service="page_shelf", paused=True)
    assert rows(admin, service="page_shelf")["page_one"]["last_run"] is None


def test_a_failed_run_is_retried_and_the_audit_log_names_the_user(airflow: AirflowStack, admin: httpx.Client) -> None:
    def failed() -> tuple[dict[str, Any] | None, str]:
        last = rows(admin, q="page_broken")["page_broken"]["last_run"]
        return (last if last and last["state"] == "failed" else None), str(last)

    assert act(admin, action="trigger", dag_ids=["page_broken"])["done"] == 1
    first = wait_until(failed, "the run to fail", 120)
    assert set(rows(admin, last="failed", q="page_broken")) == {"page_broken"}

    assert act(admin, action="retry", dag_ids=["page_broken", "page_one"]) == {
        "done": 1,
        "refused": [{"dag_id": "page_one", "reason": "Its last run has not failed."}],
        "left": [],
    }
    second = wait_until(failed, "the same run to fail again", 120)
    assert second["run_id"] == first["run_id"]
    assert second["end"] > first["end"]
    events = airflow.api("GET", "/api/v2/eventLogs", params={"dag_id": "page_broken", "limit": 50})["event_logs"]
    assert airflow.username in {each["owner"] for each in events}


def test_a_run_shows_its_records_its_config_and_its_page_in_openmetadata(
    airflow: AirflowStack, openmetadata: OpenMetadataServer, config_store: Path, admin: httpx.Client
) -> None:
    drop(config_store / "page", sample("page_runs", version=0.4))
    airflow.wait_for_dag("page_runs")
    airflow.unpause("page_runs")
    assert run(airflow, "page_runs").state == "success"

    def noted() -> tuple[dict[str, Any] | None, str]:
        row = admin.get("/data/pipelines/page_runs").json()
        return (row if row["last_run"]["records"] is not None else None), json.dumps(row)

    row = wait_until(noted, "the run's note", 60)
    last = row["last_run"]
    assert (last["state"], last["errors"]) == ("success", 0)
    assert last["records"] > 0
    assert last["seconds"] > 0
    assert row["config"]["key"] == "page/page_runs.json"
    assert str(row["config"]["version"]) == "0.4"
    assert row["links"]["openmetadata"].startswith(openmetadata.url.partition("/api")[0])
    assert row["links"]["log"].endswith("/tasks/ingestion_task")
    note = airflow.api("GET", f"/api/v2/dags/page_runs/dagRuns/{last['run_id']}")["note"]
    assert note.startswith(f"{last['records']} records, ")
    assert "config-error" not in tags(airflow.wait_for_dag("page_runs"))
