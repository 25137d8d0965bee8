"""
Every call with no credentials, wrong ones, ones that lack a permission, and valid ones; on two auth managers.

The auth managers are Airflow's own, in its API server without the rest. One case asks whole Airflows.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from dag_factory.api_server.api.login_limit import EACH
from sandbox.pipeline_service import PipelineServiceClient
from sandbox.stack import AirflowStack
from tests.places import ROOT

pytestmark = pytest.mark.e2e

SAMPLE = ROOT / "configs" / "sample_sqlite_metadata.json"
NAME = "who_may"
PIPELINE = {**json.loads(SAMPLE.read_text()), "name": NAME, "fullyQualifiedName": f"sample_sqlite.{NAME}"}
NAMED: dict[str, Any] = {"json": {"dag_id": NAME}}
ASKED: dict[str, Any] = {"params": {"dag_id": NAME, "task_id": "ingestion_task"}}

# Each call, and what it answers to a viewer and to those who may do all of it.
CALLS: list[tuple[str, str, dict[str, Any], int, int]] = [
    ("GET", "health-auth", {}, 200, 200),
    ("GET", "ip", {}, 200, 200),
    ("GET", "status", ASKED, 200, 200),
    ("GET", "last_dag_logs", ASKED, 200, 200),
    ("POST", "deploy", {"json": PIPELINE}, 403, 200),
    ("POST", "disable", NAMED, 403, 200),
    ("POST", "trigger", NAMED, 403, 200),
    ("POST", "kill", NAMED, 403, 200),
    ("POST", "enable", NAMED, 403, 200),
    ("POST", "run_automation", {"json": {}}, 403, 400),
    ("POST", "run_application", {"json": {}}, 501, 501),
    ("DELETE", "delete", {"params": {"dag_id": "nobody_has_this_one"}}, 403, 200),
]


@pytest.fixture(scope="module", params=["simple", "FAB"])
def stack(request: pytest.FixtureRequest) -> AirflowStack:
    """Airflow's API server, on the simple auth manager or on FAB."""
    found: AirflowStack = request.getfixturevalue(
        "simple_api_server" if request.param == "simple" else "fab_api_server"
    )
    return found


@pytest.fixture(params=["airflow", "fab"])
def whole_airflow(request: pytest.FixtureRequest) -> AirflowStack:
    """A whole Airflow, on the simple auth manager or on FAB."""
    found: AirflowStack = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def http(stack: AirflowStack) -> Iterator[httpx.Client]:
    with PipelineServiceClient(stack.url, stack.username, stack.password) as server:
        server.deploy(PIPELINE)
        stack.wait_for_dag(NAME)
    with httpx.Client(base_url=f"{stack.url}/api/v1/openmetadata", trust_env=False, timeout=60) as client:
        yield client


def basic(username: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"}


def bearer(stack: AirflowStack, username: str) -> dict[str, str]:
    credentials = {"username": username, "password": stack.passwords[username]}
    answer = httpx.post(f"{stack.url}/auth/token", json=credentials, trust_env=False)
    return {"Authorization": f"Bearer {answer.raise_for_status().json()['access_token']}"}


def error(answer: httpx.Response) -> str:
    (only,) = answer.json().items()
    assert only[0] == "error"
    return str(only[1])


@pytest.mark.parametrize(("method", "call", "options"), [case[:3] for case in CALLS], ids=[c[1] for c in CALLS])
def test_a_call_without_valid_credentials_is_answered_401(
    stack: AirflowStack, http: httpx.Client, method: str, call: str, options: dict[str, Any]
) -> None:
    wrong: list[dict[str, str]] = [
        {},
        basic(stack.username, "wrong"),
        basic("nobody", stack.password),
        basic("", ""),
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic YWRtaW4="},
        {"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."},
        {"Authorization": f"Digest {stack.password}"},
        # A cookie that would do in Airflow's own UI does not do here, or another site could make use of it.
        {"Cookie": f"_token={bearer(stack, stack.username)['Authorization'].removeprefix('Bearer ')}"},
    ]
    for headers in wrong:
        answer = http.request(method, call, headers=headers, **options)
        assert answer.status_code == 401, headers
        # At the word Basic a browser would ask for a password, and send it along for other sites as well.
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="Airflow"'
        assert error(answer)


@pytest.mark.parametrize("kind", ["basic", "bearer"])
@pytest.mark.parametrize(("method", "call", "options", "to_viewer", "to_allowed"), CALLS, ids=[c[1] for c in CALLS])
def test_a_call_is_answered_as_the_caller_s_permissions_allow(
    stack: AirflowStack,
    http: httpx.Client,
    method: str,
    call: str,
    options: dict[str, Any],
    to_viewer: int,
    to_allowed: int,
    kind: str,
) -> None:
    for username, status in (("viewer", to_viewer), ("openmetadata", to_allowed), ("admin", to_allowed)):
        password = stack.passwords[username]
        headers = basic(username, password) if kind == "basic" else bearer(stack, username)
        # What comes with the server's calls besides must do no harm.
        extra = {"X-CSRFToken": "any", "Cookie": "_token=rubbish; session=rubbish"}
        answer = http.request(method, call, headers={**headers, **extra}, **options)
        assert answer.status_code == status, answer.text
        if status >= 400:
            assert error(answer).endswith(".")


@pytest.mark.parametrize("username", ["openmetadata", "admin"])
def test_a_pipeline_is_deleted_by_those_who_may_and_by_nobody_else(whole_airflow: AirflowStack, username: str) -> None:
    stack, name = whole_airflow, f"deleted_by_{username}"
    allowed = basic(username, stack.passwords[username])
    with httpx.Client(base_url=f"{stack.url}/api/v1/openmetadata", trust_env=False, timeout=60) as http:
        deployed = http.post("deploy", json={**PIPELINE, "name": name, "fullyQualifiedName": name}, headers=allowed)
        assert deployed.status_code == 200, deployed.text
        stack.wait_for_dag(name)
        for headers, status in (
            ({}, 401),
            (basic(username, "wrong"), 401),
            (basic("viewer", stack.passwords["viewer"]), 403),
            (bearer(stack, "viewer"), 403),
        ):
            answer = http.delete("delete", params={"dag_id": name}, headers=headers)
            assert answer.status_code == status, answer.text
        assert stack.wait_for_dag(name)
        deleted = http.delete("delete", params={"dag_id": name}, headers=allowed)
        assert deleted.json() == {"message": f"Pipeline '{name}' is deleted."}
        assert stack.request("GET", f"/api/v2/dags/{name}").status_code == 404


def test_an_automation_is_accepted_of_those_who_may_edit_all_dags(stack: AirflowStack, http: httpx.Client) -> None:
    automation = {
        "id": str(uuid.uuid4()),
        "name": "test-connection",
        "workflowType": "TEST_CONNECTION",
        "request": {"connection": {"config": {"type": "SQLite"}}, "serviceType": "Database"},
        "openMetadataServerConnection": {"hostPort": "http://127.0.0.1:1/api"},
    }
    for username, status in (("viewer", 403), ("openmetadata", 200)):
        headers = basic(username, stack.passwords[username])
        answer = http.post("run_automation", json=automation, headers=headers)
        assert answer.status_code == status, answer.text
    assert answer.json() == {"message": f"Automation {automation['id']} is accepted."}


def test_a_flood_of_guesses_at_a_username_reaches_airflow_in_drops_and_keeps_its_user_from_nothing(
    stack: AirflowStack, http: httpx.Client
) -> None:
    right = basic("openmetadata", stack.passwords["openmetadata"])
    assert http.get("health-auth", headers=right).status_code == 200

    async def flood() -> tuple[list[int], list[int]]:
        # Another address than the other tests', whose wrong logins would be held back as well.
        there = httpx.AsyncHTTPTransport(local_address="127.0.0.2", limits=httpx.Limits(max_connections=30))
        async with httpx.AsyncClient(transport=there, base_url=http.base_url, timeout=60) as client:

            async def status(headers: dict[str, str]) -> int:
                return (await client.get("health-auth", headers=headers)).status_code

            guesses = asyncio.gather(*(status(basic("openmetadata", str(number))) for number in range(200)))
            rights = [await status(right) for _ in range(20)]
            return await guesses, rights

    began = time.monotonic()
    guesses, rights = asyncio.run(flood())
    at_most = EACH.burst + (time.monotonic() - began) / EACH.seconds
    assert rights == [200] * 20
    assert EACH.burst <= guesses.count(401) <= at_most + 1
    assert guesses.count(401) + guesses.count(429) == 200


def test_health_and_the_csrf_token_need_no_credentials(http: httpx.Client) -> None:
    assert http.get("health").json()["status"] == "healthy"
    assert http.get("csrf-token").json() == {"csrf_token": None}


def test_the_api_has_a_page_of_its_own_that_lists_every_call_to_who_is_logged_in(
    stack: AirflowStack, http: httpx.Client
) -> None:
    token = bearer(stack, "viewer")
    by_the_ui = {"Cookie": f"_token={token['Authorization'].removeprefix('Bearer ')}"}
    for login in (basic("viewer", stack.passwords["viewer"]), token, by_the_ui):
        assert "swagger" in http.get("docs", headers=login).text
        paths = http.get("openapi.json", headers=login).json()["paths"]
        assert set(paths) == {f"/{call[1]}" for call in CALLS} | {"/health", "/csrf-token"}
    for page in ("docs", "openapi.json"):
        for login in ({}, {"Cookie": "_token=rubbish"}, {**by_the_ui, **basic("viewer", "wrong")}):
            answer = http.get(page, headers=login)
            assert answer.status_code == 401
            assert error(answer).endswith("log in to Airflow's UI and come back.")
    for page in ("redoc", "docs/oauth2-redirect"):
        assert http.get(page).status_code == 404


def test_what_a_user_does_here_stands_in_airflow_s_audit_log_under_their_name(
    stack: AirflowStack, http: httpx.Client
) -> None:
    http.post("disable", headers=basic(stack.username, stack.password), **NAMED)
    http.post("enable", headers=basic(stack.username, stack.password), **NAMED)
    params = {"dag_id": NAME, "event": "patch_dag", "order_by": "-when", "limit": 2}
    logged = stack.api("GET", "/api/v2/eventLogs", params=params)["event_logs"]
    assert [entry["owner"] for entry in logged] == [stack.username] * 2
