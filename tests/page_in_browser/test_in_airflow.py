"""The page and the tab in Airflow's own UI, in a real Chromium, with pipelines of a real Airflow."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

from sandbox.browser import Browser
from sandbox.client import AirflowClient, wait_until
from sandbox.stack import AirflowStack
from tests.e2e.pipelines import drop, sample
from tests.e2e.runs import run
from tests.page_in_browser.login import set_token
from tests.page_in_browser.opened import Opened

pytestmark = pytest.mark.e2e

# All that other tests have in this Airflow is left out.
QUERY = "q=on_the_page"
GOOD, ODD, BROKEN = "on_the_page_good", "on_the_page_odd", "on_the_page_broken"
EVIL = "<img src=x onerror='window.pwned=1'>"


@pytest.fixture(scope="module")
def pipelines(airflow: AirflowStack, config_store: Path) -> AirflowStack:
    """An Airflow with three pipelines: one that has run, one whose texts are HTML, one that is broken."""
    drop(config_store, sample(GOOD, displayName=GOOD, airflowConfig={"scheduleInterval": "0 3 * * *"}))
    drop(config_store, sample(ODD, displayName=f"on_the_page {EVIL}", owners=[{"name": EVIL}], description=EVIL))
    document = sample(BROKEN, displayName=BROKEN)
    del document["sourceConfig"]
    drop(config_store, document)
    for dag_id in (ODD, BROKEN):
        airflow.wait_for_dag(dag_id)
    assert run(airflow, GOOD).state == "success"
    return airflow


@pytest.fixture
def page(browser: Browser, pipelines: AirflowStack) -> Opened:
    return logged_in(browser, pipelines, pipelines.username)


def logged_in(browser: Browser, airflow: AirflowStack, username: str) -> Opened:
    """Return the page as a user sees it."""
    client = AirflowClient(airflow.url, username, airflow.passwords[username])
    set_token(browser, airflow, client.token())
    client.stop()
    return Opened(browser, airflow.url)


def open_page(page: Opened, query: str = QUERY) -> None:
    page.open(f"/plugin/openmetadata?{query}")


def test_the_menu_leads_to_it(page: Opened) -> None:
    page.open("/dags", until="a")
    script = "return [...document.querySelectorAll('a')].map(each => each.getAttribute('href'))"
    page.wait(lambda: any("plugin/openmetadata" in (each or "") for each in page.browser.run(script)), "the menu entry")


def test_it_shows_what_airflow_knows(page: Opened) -> None:
    open_page(page)
    page.wait(lambda: len(page.names) == 3, "three pipelines")
    good = page.texts(f"tbody:has([data-dag={GOOD}])")[0]
    assert "Good" in good
    assert "sample_sqlite" in good
    assert "03:00" in good
    broken = page.texts(f"tbody:has([data-dag={BROKEN}])")[0]
    assert "Broken" in broken
    assert f"{BROKEN}.json" in broken
    assert "sourceConfig" in broken
    assert page.run("return window.pwned ?? page.defaultView.pwned ?? null") is None
    assert EVIL in page.text


def test_a_filter_stands_in_airflows_address_and_can_be_opened_again(page: Opened) -> None:
    open_page(page)
    page.wait(lambda: len(page.names) == 3, "three pipelines")
    page.count("Broken")
    page.wait(lambda: len(page.names) == 1, "the broken one")
    address = page.browser.url
    assert f"?state=broken&{QUERY}" in address
    page.open(address.partition("/plugin/")[1] + address.partition("/plugin/")[2])
    page.wait(lambda: len(page.names) == 1, "the broken one again")


def test_a_link_leads_to_the_page_of_the_dag_whose_tab_has_the_same(page: Opened) -> None:
    open_page(page, f"q={GOOD}")
    page.click(GOOD)
    page.wait(lambda: f"/dags/{GOOD}" in page.browser.url, "the DAG's page")
    page.open(f"/dags/{GOOD}/plugin/openmetadata-pipeline", until=".cards")
    assert page.texts("h1") == [GOOD]
    assert "success" in page.text
    assert f"{GOOD}.json" in page.text
    # At some hours a scheduled run stands beside it.
    assert any("manual__" in each for each in page.texts("table[aria-label=Runs] tbody tr"))


def test_all_that_match_are_paused_in_airflow(page: Opened, pipelines: AirflowStack) -> None:
    open_page(page)
    page.wait(lambda: len(page.names) == 3, "three pipelines")
    page.click("Pause")
    page.click("Pause 3 pipelines")
    page.wait(lambda: "Paused 3 pipelines" in page.text, "the outcome")
    try:
        assert all(pipelines.api("GET", f"/api/v2/dags/{each}")["is_paused"] for each in (GOOD, ODD, BROKEN))
    finally:
        for each in (GOOD, ODD, BROKEN):
            pipelines.unpause(each)


def test_a_viewer_sees_and_may_not_act(browser: Browser, pipelines: AirflowStack) -> None:
    page = logged_in(browser, pipelines, "viewer")
    open_page(page)
    page.wait(lambda: len(page.names) == 3, "three pipelines")
    assert set(page.run("return [...page.querySelectorAll('.bulk button, .switch')].map(b => b.disabled)")) == {True}


def test_who_is_logged_out_is_asked_to_set_token(browser: Browser, pipelines: AirflowStack) -> None:
    set_token(browser, pipelines, "")
    page = Opened(browser, pipelines.url).open("?state=broken", until=".notice")
    assert "You are not logged in" in page.text
    link = page.run("return page.querySelector('.notice a').href")
    assert link.startswith(f"{pipelines.url}/api/v2/auth/login?next=")
    assert quote("?state=broken", safe="") in link


def test_the_theme_is_airflows(page: Opened) -> None:
    page.browser.run("localStorage.setItem('theme', 'dark')")
    open_page(page)
    themes = "return [document.documentElement.classList.contains('dark'), page.documentElement.dataset.theme]"
    wait_until(lambda: (page.run(themes) == [True, "dark"] or None, page.run(themes)), "the dark theme", timeout=30)
    page.browser.run("localStorage.clear()")
