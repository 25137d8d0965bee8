"""Who gets the page and its data, and from where they may be asked for and changed."""

from __future__ import annotations

import pytest

from tests.api_server.page.conftest import Ask
from tests.api_server.page.fake_airflow import FakeAirflow, dag

# Airflow imports the test client of an HTTP library that is about to be replaced.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")

CHANGE = {"action": "pause", "dag_ids": ["a"]}


@pytest.mark.parametrize("headers", [{"Cookie": ""}, {"Cookie": "_token=wrong"}, {"Cookie": "session=right"}])
@pytest.mark.parametrize("path", ["/data/overview", "/data/pipelines", "/data/pipelines/a", "/data/actions"])
def test_without_a_login_there_is_no_data(headers: dict[str, str], path: str, ask: Ask) -> None:
    airflow = FakeAirflow(dag("a"))
    method = "POST" if path == "/data/actions" else "GET"
    answer = ask(airflow, path, method=method, headers=headers, json=CHANGE)
    assert answer.status_code == 401
    assert answer.json()["error"].endswith(".")
    assert not airflow.asked
    assert not airflow.changes


def test_without_a_login_the_page_says_how_to_log_in(ask: Ask) -> None:
    answer = ask(FakeAirflow(), "/", headers={"Cookie": ""})
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (401, "text/html")
    assert "Log in" in answer.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "", "Origin": "http://a.invalid"}, 403),
        ({"Origin": "http://a.invalid", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Authorization": "Bearer right", "Cookie": ""}, 200),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Basic cmlnaHQ6cmlnaHQ="}, 401),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_a_change_needs_a_page_of_this_airflow_and_json(headers: dict[str, str], status: int, ask: Ask) -> None:
    airflow = FakeAirflow(dag("a"))
    options = {"Content-Type": "application/json", **headers}
    answer = ask(airflow, "/data/actions", method="POST", json=CHANGE, headers=options)
    assert answer.status_code == status
    assert bool(airflow.changes) == (status == 200)


def test_a_change_by_cookie_that_does_not_say_where_it_comes_from_is_refused(ask: Ask) -> None:
    airflow = FakeAirflow(dag("a"))
    # An old browser sends neither header with a form's request; a program has a token.
    assert unsaid(airflow, ask, {"Cookie": "_token=right"}) == 403
    assert unsaid(airflow, ask, {"Authorization": "Bearer right"}) == 200


def unsaid(airflow: FakeAirflow, ask: Ask, headers: dict[str, str]) -> int:
    answer = ask(airflow, "/data/actions", method="POST", json=CHANGE, headers=headers, plain=True)
    return answer.status_code


def test_a_link_from_elsewhere_opens_the_page_but_gets_no_data(ask: Ask) -> None:
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    airflow = FakeAirflow(dag("a"))
    assert ask(airflow, "/?state=broken", headers=followed).status_code == 200
    assert ask(airflow, "/pipeline?dag_id=a", headers=followed).status_code == 200
    assert ask(airflow, "/data/pipelines", headers=followed).status_code == 403
    assert ask(airflow, "/", headers={**followed, "Sec-Fetch-Dest": "iframe"}).status_code == 403


def test_every_answer_keeps_foreign_scripts_and_frames_out(ask: Ask) -> None:
    for path in ("/", "/pipeline?dag_id=a", "/static/icon.svg", "/data/pipelines", "/nowhere"):
        headers = ask(FakeAirflow(), path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-frame-options"] == "SAMEORIGIN"
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["missing.js", "..%2Fapp.py", "%2e%2e%2fapp.py", "app.py", "", "."])
def test_no_other_file_than_the_page_s_is_served(name: str, ask: Ask) -> None:
    assert ask(FakeAirflow(), f"/static/{name}").status_code == 404


@pytest.mark.parametrize("name", ["missing.js", "..%2Fapp.py", "..%2f..%2fapp.py", "app.py", "."])
def test_no_other_file_is_served_with_a_version(name: str, ask: Ask) -> None:
    assert ask(FakeAirflow(), f"/static/0123456789abcdef/{name}").status_code == 404
