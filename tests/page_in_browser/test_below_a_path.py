"""The page in an Airflow whose `[api] base_url` has a path, in a real Chromium: menu, tab, files and actions."""

from __future__ import annotations

import pytest

from sandbox.browser import Browser
from sandbox.stack import AirflowStack
from tests.e2e.pipelines import sample
from tests.e2e.servers import calling
from tests.page_in_browser.test_in_airflow import logged_in

pytestmark = pytest.mark.e2e

NAME = "page_below_a_path"
HREFS = "return [...document.querySelectorAll('a')].map(each => each.href)"


def test_menu_tab_files_and_actions_work_in_an_airflow_below_a_path(
    browser: Browser, airflow_apart: AirflowStack
) -> None:
    with calling(airflow_apart) as server:
        server.deploy(sample(NAME, displayName=NAME))
    page = logged_in(browser, airflow_apart, airflow_apart.username)

    page.open("/dags", until="a")
    entry = f"{airflow_apart.url}/plugin/openmetadata"
    page.wait(lambda: entry in page.browser.run(HREFS), "the menu entry")
    page.open(f"/plugin/openmetadata?q={NAME}")
    page.wait_for_names(NAME)
    assert page.run("return page.querySelector('link[rel=stylesheet]').sheet.cssRules.length") > 0

    page.click(f"{NAME} is active")
    page.wait(lambda: airflow_apart.api("GET", f"/api/v2/dags/{NAME}")["is_paused"] is True, "the DAG to be paused")
    page.click(NAME)
    page.wait(lambda: page.browser.url.startswith(f"{airflow_apart.url}/dags/{NAME}"), "the DAG's page")
    page.open(f"/dags/{NAME}/plugin/openmetadata-pipeline", until=".cards, .facts")
    assert page.texts("h1") == [NAME]
    assert "Paused" in page.text
