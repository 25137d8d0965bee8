"""The pages about the API in a browser whose user has logged in to Airflow's UI, and in one whose user has not."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from sandbox.browser import Browser
from sandbox.stack import AirflowStack

pytestmark = pytest.mark.e2e


@pytest.fixture
def browser() -> Iterator[Browser]:
    if not Browser.is_installed() and "BROWSER_REQUIRED" not in os.environ:
        pytest.skip("Chromium and its driver are not installed (Debian: chromium, chromium-driver).")
    with Browser() as browser:
        yield browser


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
