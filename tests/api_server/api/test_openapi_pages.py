"""The pages about the API in a browser whose user has logged in to Airflow's UI, and in one whose user has not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from jwt.exceptions import InvalidTokenError

from dag_factory.api_server.api.app import create_app
from dag_factory.api_server.api.transport import InProcessTransport
from sandbox.browser import Browser
from sandbox.stack import AirflowStack
from tests.airflow_versions import AUTH_MANAGER

# Airflow imports the test client of an HTTP library that is about to be replaced.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")


class OneUser:
    """An auth manager that knows one token."""

    async def get_user_from_token(self, token: str) -> object:
        if token != "right":
            raise InvalidTokenError
        return token


@pytest.mark.parametrize("page", ["/docs", "/openapi.json", "/ip"])
@pytest.mark.parametrize(
    ("headers", "to_pages", "to_calls"),
    [
        ({}, 401, 401),
        ({"Cookie": "_token=right"}, 200, 401),
        ({"Cookie": "_token=wrong"}, 401, 401),
        ({"Cookie": "session=right"}, 401, 401),
        ({"Authorization": "Bearer right"}, 200, 200),
        # What is said on purpose counts, not what a browser adds.
        ({"Authorization": "Bearer wrong", "Cookie": "_token=right"}, 401, 401),
        ({"Authorization": "Bearer right", "Cookie": "_token=wrong"}, 200, 200),
        ({"Cookie": "_token=right", "Sec-Fetch-Site": "cross-site"}, 403, 403),
    ],
)
def test_the_cookie_of_airflow_s_ui_opens_the_pages_and_nothing_else(
    page: str, headers: dict[str, str], to_pages: int, to_calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AUTH_MANAGER, OneUser())
    app = create_app(airflow=FastAPI)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=InProcessTransport(lambda: app), base_url="http://a.invalid") as client:
            return await client.get(page, headers=headers)

    assert asyncio.run(ask()).status_code == (to_calls if page == "/ip" else to_pages)


@pytest.fixture
def browser() -> Iterator[Browser]:
    if not Browser.is_installed() and "BROWSER_REQUIRED" not in os.environ:
        pytest.skip("Chromium and its driver are not installed (Debian: chromium, chromium-driver).")
    with Browser() as browser:
        yield browser


@pytest.mark.e2e
def test_the_page_is_shown_to_who_has_logged_in_to_airflow_s_ui_and_to_nobody_else(
    airflow: AirflowStack, browser: Browser
) -> None:
    page = f"{airflow.url}/api/v1/openmetadata/docs"
    browser.open(page)
    assert "log in to Airflow's UI and come back" in browser.text

    browser.add_cookie("_token", airflow.token())
    browser.open(page)
    # The scripts that fill the page come from elsewhere; what they ask for comes from here.
    assert browser.run("return document.title") == "OpenMetadata DAG factory"
    asked = "return fetch(arguments[0]).then(answer => answer.json())"
    assert "/deploy" in browser.run(asked, "openapi.json")["paths"]
    # By the cookie alone nothing else can be done.
    assert set(browser.run(asked, "ip")) == {"error"}
    deploy = "return fetch('deploy', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{}'})"
    assert browser.run(f"{deploy}.then(answer => answer.status)") == 401
