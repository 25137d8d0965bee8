"""The page in Airflow's UI for a user whose rights end at one DAG, on FAB, whose roles know each DAG by its name."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from sandbox.fab import FabAirflowStack
from sandbox.pipeline_service import PipelineServiceClient
from tests.e2e.pipelines import sample

pytestmark = pytest.mark.e2e

MINE, SEEN, OTHER = "page_of_mine", "page_seen", "page_of_others"


@pytest.fixture(scope="module")
def page(fab_api_server: FabAirflowStack) -> Iterator[httpx.Client]:
    """The page of a user who may edit and run one DAG, see a second one, and not a third."""
    stack = fab_api_server
    with PipelineServiceClient(stack.url, stack.username, stack.password) as server:
        for name in (MINE, SEEN, OTHER):
            server.deploy(sample(name))
            stack.wait_for_dag(name)
            server.disable(name)
    runs = [("can_read", "DAG Runs"), ("can_create", "DAG Runs"), ("can_edit", "DAG Runs")]
    dags = [("can_read", f"DAG:{MINE}"), ("can_edit", f"DAG:{MINE}"), ("can_read", f"DAG:{SEEN}")]
    stack.add_role("PageOneDag", [*dags, *runs])
    stack.add_user("page_one_dag", "PageOneDag")
    credentials = {"username": "page_one_dag", "password": stack.passwords["page_one_dag"]}
    token = httpx.post(f"{stack.url}/auth/token", json=credentials, trust_env=False).json()["access_token"]
    headers = {"Sec-Fetch-Site": "same-origin", "Cookie": f"_token={token}"}
    url = f"{stack.url}/openmetadata-pipelines"
    with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60) as client:
        yield client


def test_a_user_sees_and_counts_what_the_role_shows_and_is_told_what_it_allows(page: httpx.Client) -> None:
    answer = page.get("/data/pipelines").raise_for_status().json()
    assert {row["dag_id"]: row["may"]["edit"] for row in answer["pipelines"]} == {MINE: True, SEEN: False}
    assert answer["total"] == page.get("/data/overview").json()["counts"]["all"] == 2
    assert page.get(f"/data/pipelines/{MINE}").json()["may"] == {"trigger": True, "edit": True}
    assert page.get(f"/data/pipelines/{OTHER}").status_code in (403, 404)


@pytest.mark.parametrize("chosen", [{"dag_ids": [MINE, SEEN, OTHER]}, {"filter": {"type": "metadata"}}], ids=str)
def test_an_action_on_all_is_done_with_what_the_role_allows_alone(
    page: httpx.Client, fab_api_server: FabAirflowStack, chosen: dict[str, object]
) -> None:
    for action, is_paused in (("unpause", False), ("pause", True)):
        answer = page.post("/data/actions", json={"action": action, **chosen}).raise_for_status().json()
        assert answer["done"] == 1
        dags = {name: fab_api_server.api("GET", f"/api/v2/dags/{name}")["is_paused"] for name in (MINE, SEEN, OTHER)}
        assert dags == {MINE: is_paused, SEEN: True, OTHER: True}
