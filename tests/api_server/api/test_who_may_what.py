"""
Each call, by everybody, with each kind of body, from each origin, on two auth managers: as tables (`pytest -s`).

The auth managers are Airflow's own, in its API server without the rest; `test_who_may.py` asks whole Airflows.
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import jwt
import pytest

from sandbox.fab import FabAirflowStack
from sandbox.pipeline_service import PipelineServiceClient
from sandbox.stack import AirflowStack
from tests.places import ROOT

pytestmark = pytest.mark.e2e

SAMPLE = json.loads((ROOT / "configs" / "sample_sqlite_metadata.json").read_text())
MINE, OTHER = "who_may_what", "who_may_nothing"
ADDRESS = "127.0.0.1"


def pipeline(name: str) -> dict[str, Any]:
    return {**SAMPLE, "name": name, "fullyQualifiedName": f"sample_sqlite.{name}"}


AUTOMATION = {
    "id": str(uuid.uuid4()),
    "name": "test-connection",
    "workflowType": "TEST_CONNECTION",
    "request": {"connection": {"config": {"type": "SQLite"}}, "serviceType": "Database"},
    "openMetadataServerConnection": {"hostPort": "http://127.0.0.1:1/api"},
}
ASKED, ASKED_OTHER = ({"dag_id": name, "task_id": "ingestion_task"} for name in (MINE, OTHER))

# A call, its parameters, and its body.
CALLS: dict[str, tuple[str, dict[str, str], Any]] = {
    "GET health": ("", {}, None),
    "GET csrf-token": ("", {}, None),
    "GET health-auth": ("", {}, None),
    "GET ip": ("", {}, None),
    "GET docs": ("", {}, None),
    "GET openapi.json": ("", {}, None),
    "POST deploy": ("", {}, pipeline(MINE)),
    "POST deploy other": ("other", {}, pipeline(OTHER)),
    "POST deploy no name": ("", {}, {"pipelineType": "metadata"}),
    "POST disable": ("", {}, {"dag_id": MINE}),
    "POST disable other": ("other", {}, {"dag_id": OTHER}),
    "POST trigger": ("", {}, {"dag_id": MINE}),
    "POST trigger other": ("other", {}, {"dag_id": OTHER}),
    "GET status": ("", ASKED, None),
    "GET status other": ("other", ASKED_OTHER, None),
    "GET last_dag_logs": ("", ASKED, None),
    "GET last_dag_logs other": ("other", ASKED_OTHER, None),
    "POST kill": ("", {}, {"dag_id": MINE}),
    "POST kill other": ("other", {}, {"dag_id": OTHER}),
    "POST enable": ("", {}, {"dag_id": MINE}),
    "POST enable other": ("other", {}, {"dag_id": OTHER}),
    "POST run_automation": ("", {}, AUTOMATION),
    "POST run_application": ("", {}, {}),
    "DELETE delete": ("", {"dag_id": MINE}, None),
    "DELETE delete other": ("other", {"dag_id": OTHER}, None),
}

# `one_dag` may edit the pipeline that the calls are about and run it, and may do nothing with the `other`. `user` has
# what docs/server.md says that the OpenMetadata server's user needs. The first who may delete does so: what is gone
# already is deleted for the next.
EXPECTED = {
    "simple": """
                          none  wrong  expired  cookie  viewer  user  op   admin
GET health                200   200    200      200     200     200   200  200
GET csrf-token            200   200    200      200     200     200   200  200
GET health-auth           401   401    401      401     200     200   200  200
GET ip                    401   401    401      401     200     200   200  200
GET docs                  401   401    401      200     200     200   200  200
GET openapi.json          401   401    401      200     200     200   200  200
POST deploy               401   401    401      401     403     200   200  200
POST deploy other         401   401    401      401     403     200   200  200
POST deploy no name       401   401    401      401     403     400   400  400
POST disable              401   401    401      401     403     200   200  200
POST disable other        401   401    401      401     403     200   200  200
POST trigger              401   401    401      401     403     200   200  200
POST trigger other        401   401    401      401     403     200   200  200
GET status                401   401    401      401     200     200   200  200
GET status other          401   401    401      401     200     200   200  200
GET last_dag_logs         401   401    401      401     200     200   200  200
GET last_dag_logs other   401   401    401      401     200     200   200  200
POST kill                 401   401    401      401     403     200   200  200
POST kill other           401   401    401      401     403     200   200  200
POST enable               401   401    401      401     403     200   200  200
POST enable other         401   401    401      401     403     200   200  200
POST run_automation       401   401    401      401     403     200   200  200
POST run_application      401   401    401      401     501     501   501  501
DELETE delete             401   401    401      401     403     200   200  200
DELETE delete other       401   401    401      401     403     200   200  200
""",
    "FAB": """
                          none  wrong  expired  cookie  viewer  one_dag  user  op   admin
GET health                200   200    200      200     200     200      200   200  200
GET csrf-token            200   200    200      200     200     200      200   200  200
GET health-auth           401   401    401      401     200     200      200   200  200
GET ip                    401   401    401      401     200     200      200   200  200
GET docs                  401   401    401      200     200     200      200   200  200
GET openapi.json          401   401    401      200     200     200      200   200  200
POST deploy               401   401    401      401     403     200      200   200  200
POST deploy other         401   401    401      401     403     403      200   200  200
POST deploy no name       401   401    401      401     403     403      400   400  400
POST disable              401   401    401      401     403     200      200   200  200
POST disable other        401   401    401      401     403     403      200   200  200
POST trigger              401   401    401      401     403     200      200   200  200
POST trigger other        401   401    401      401     403     403      200   200  200
GET status                401   401    401      401     200     200      200   200  200
GET status other          401   401    401      401     200     403      200   200  200
GET last_dag_logs         401   401    401      401     200     200      200   200  200
GET last_dag_logs other   401   401    401      401     200     403      200   200  200
POST kill                 401   401    401      401     403     200      200   200  200
POST kill other           401   401    401      401     403     403      200   200  200
POST enable               401   401    401      401     403     200      200   200  200
POST enable other         401   401    401      401     403     403      200   200  200
POST run_automation       401   401    401      401     403     403      200   200  200
POST run_application      401   401    401      401     501     501      501   501  501
DELETE delete             401   401    401      401     403     403      200   200  200
DELETE delete other       401   401    401      401     403     403      200   200  200
""",
}

# The answer to each kind of body and each origin, for any caller: `.` is as in the table above.
BODIES: dict[str, dict[str, str]] = {
    "json": {"Content-Type": "application/json"},
    "json utf-8": {"Content-Type": "application/json; charset=utf-8"},
    "+json": {"Content-Type": "application/merge-patch+json"},
    "text": {"Content-Type": "text/plain"},
    "form": {"Content-Type": "application/x-www-form-urlencoded"},
    "none": {},
}
BARRIERS = """
                              json  json utf-8  +json  text  form  none
GET/DELETE, no origin         .     .           .      .     .     .
GET/DELETE, own origin        .     .           .      .     .     .
GET/DELETE, own page          .     .           .      .     .     .
GET/DELETE, other origin      403   403         403    403   403   403
GET/DELETE, no-name origin    403   403         403    403   403   403
GET/DELETE, other port        403   403         403    403   403   403
GET/DELETE, other site        403   403         403    403   403   403
POST, no origin               .     .           415    415   415   415
POST, own origin              .     .           415    415   415   415
POST, own page                .     .           415    415   415   415
POST, other origin            403   403         403    403   403   403
POST, no-name origin          403   403         403    403   403   403
POST, other port              403   403         403    403   403   403
POST, other site              403   403         403    403   403   403
"""


def origins(url: str) -> dict[str, dict[str, str]]:
    return {
        "no origin": {},
        "own origin": {"Origin": url},
        "own page": {"Sec-Fetch-Site": "same-origin", "Origin": url},
        "other origin": {"Origin": "https://evil.example"},
        "no-name origin": {"Origin": "null"},
        "other port": {"Sec-Fetch-Site": "same-site", "Origin": f"http://{ADDRESS}:1"},
        "other site": {"Sec-Fetch-Site": "cross-site"},
    }


Table = dict[str, dict[str, str]]


def read(text: str) -> Table:
    """Return a table's cells by row and column; columns are parted by two blanks."""
    head, *rows = text.strip("\n").splitlines()
    names = [name.strip() for name in head.strip().split("  ") if name]
    return {
        row[: head.index(names[0])].strip(): dict(zip(names, row[head.index(names[0]) :].split(), strict=True))
        for row in rows
    }


def write(title: str, table: Table) -> str:
    names = list(next(iter(table.values())))
    first = max(map(len, table))
    lines = [f"{'':{first}}  {'  '.join(names)}"]
    for row, cells in table.items():
        lines.append(f"{row:{first}}  {'  '.join(f'{cells[name]:{len(name)}}' for name in names)}")
    return "\n".join(["", title, *(line.rstrip() for line in lines), ""])


Ask = Callable[..., int]
Logins = dict[str, dict[str, str]]


def basic(username: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"}


def expired(token: str, secret: str) -> str:
    """Return a token that was right an hour ago."""
    claims = jwt.decode(token, options={"verify_signature": False})
    algorithm = jwt.get_unverified_header(token)["alg"]
    past = int(time.time()) - 3600
    return jwt.encode({**claims, "iat": past - 60, "nbf": past - 60, "exp": past}, secret, algorithm)


@pytest.fixture(scope="module", params=["simple", "FAB"])
def manager(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def stack(request: pytest.FixtureRequest, manager: str) -> AirflowStack:
    """Airflow's API server with the pipelines that the calls are about."""
    found: AirflowStack = request.getfixturevalue("simple_api_server" if manager == "simple" else "fab_api_server")
    with PipelineServiceClient(found.url, found.username, found.password) as server:
        for name in (MINE, OTHER):
            server.deploy(pipeline(name))
            found.wait_for_dag(name)
            server.disable(name)
        if isinstance(found, FabAirflowStack):
            entities = [("can_read", "Task Instances"), ("can_read", "Task Logs")]
            runs = [("can_read", "DAG Runs"), ("can_create", "DAG Runs"), ("can_edit", "DAG Runs")]
            dag = [("can_read", f"DAG:{MINE}"), ("can_edit", f"DAG:{MINE}")]
            found.add_role("WhoMayOneDag", [*dag, *runs, *entities])
            found.add_user("one_dag_alone", "WhoMayOneDag")
            found.add_user("op", "Op")
    return found


@pytest.fixture(scope="module")
def logins(stack: AirflowStack) -> Logins:
    token = stack.token()
    secret = stack.option("api_auth", "jwt_secret")
    users = {"viewer": "viewer", "one_dag": "one_dag_alone", "user": "openmetadata", "op": "op", "admin": "admin"}
    return {
        "none": {},
        "wrong": basic(stack.username, "wrong"),
        "expired": {"Authorization": f"Bearer {expired(token, secret)}"},
        "cookie": {"Cookie": f"_token={token}"},
        **{name: basic(user, stack.passwords[user]) for name, user in users.items() if user in stack.passwords},
    }


@pytest.fixture(scope="module")
def ask(stack: AirflowStack) -> Iterator[Ask]:
    with httpx.Client(trust_env=False, timeout=120) as http:

        def call(name: str, headers: dict[str, str], slashes: str = "/") -> int:
            method, path = name.split()[:2]
            _, params, body = CALLS[name]
            content = json.dumps(body).encode() if body is not None else None
            url = f"{stack.url}{slashes}api/v1/openmetadata/{path}"
            return http.request(method, url, params=params, content=content, headers=headers).status_code

        yield call


# A server whose endpoint ends with a slash doubles it. That is no way around anything.
@pytest.mark.parametrize("slashes", ["/", "//"])
def test_each_call_is_answered_as_its_caller_s_rights_say(
    stack: AirflowStack, manager: str, logins: Logins, ask: Ask, slashes: str
) -> None:
    if slashes != "/" and manager != "simple":
        pytest.skip("the slash is folded before the auth manager is asked, so one of them shows it")
    expected = read(EXPECTED[manager])
    found: Table = {}
    for name in CALLS:
        found[name] = {}
        for who, headers in logins.items():
            found[name][who] = str(ask(name, {**headers, **BODIES["json"]}, slashes))
    print(write(f"Who may what with the auth manager {manager}", found))
    assert found == expected


def test_no_body_of_another_kind_and_nothing_of_another_origin_reaches_a_call_whoever_sends_it(
    stack: AirflowStack, manager: str, logins: Logins, ask: Ask
) -> None:
    expected = read(BARRIERS)
    found: Table = {}
    for row, cells in expected.items():
        methods, origin = row.split(", ")
        found[row] = {}
        for kind, status in cells.items():
            headers = {**BODIES[kind], **origins(stack.url)[origin]}
            names = [name for name in CALLS if name.split()[0] in methods.split("/")]
            if status == ".":
                # Nobody is kept from what they may do: those calls that do nothing, since there is no other barrier.
                names = [name for name in names if name in ("GET health-auth", "POST run_application")]
                answers = {ask(name, {**headers, **logins["admin"]}) for name in names}
                found[row][kind] = "." if answers <= {200, 501} else str(answers)
            else:
                # Nobody looks at the credentials, so three of them say it all, and no auth manager is asked: with the
                # second one, the user who may do everything is enough.
                whole = [(who, slashes) for who in ("none", "cookie", "admin") for slashes in ("/", "//")]
                senders = whole if manager == "simple" else [("admin", "/")]
                answers = {ask(name, {**headers, **logins[who]}, slashes) for name in names for who, slashes in senders}
                found[row][kind] = str(*answers) if len(answers) == 1 else str(answers)
    print(write(f"What no rights help against, with the auth manager {manager}", found))
    assert found == expected


@pytest.mark.parametrize(
    "path", ["//evil.example/api/v1/openmetadata/health", "//api/v1/openmetadata.evil/health", "//api/v2/dags"]
)
def test_no_other_path_is_folded(stack: AirflowStack, path: str) -> None:
    answer = httpx.get(f"{stack.url}{path}", trust_env=False)
    # Airflow's UI answers whatever it does not know.
    assert "application/json" not in answer.headers["content-type"]
