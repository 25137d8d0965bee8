"""The tab on a DAG's page in a real Chromium, over stand-ins of the data routes and of Airflow's UI."""

from __future__ import annotations

import pytest

from tests.page_in_browser.opened import Opened
from tests.page_in_browser.stand_in import StandIn

pytestmark = pytest.mark.e2e


def open_tab(page: Opened, dag_id: str) -> None:
    page.open(f"/dags/{dag_id}/plugin/openmetadata-pipeline", until="h1, .notice")


def test_it_says_all_of_the_pipeline(page: Opened, stand_in: StandIn) -> None:
    open_tab(page, "finance_dashboards")
    assert page.texts("h1") == ["Finance dashboards"]
    for said in (
        "Last good",
        "finance_dashboards.json:14:24 airflowConfig.scheduleInterval '0 25 * * *' is not a cron expression",
        "Records 17,303",
        "Errors 2",
        "Last run failed: WorkflowError: finance_superset refuses the connection. Log",
        "Duration 9 min 51 s",
        "Service finance_superset (Superset)",
        "Schedule At 06:00 AM",
        "Next run in 7 hours",
        "Config finance_dashboards.json",
        "Owners finance, bo.lind",
    ):  # fmt: skip
        assert said in page.text
    assert len(page.texts("table[aria-label=Runs] tbody tr")) == 10


def test_all_warnings_are_shown(page: Opened, stand_in: StandIn) -> None:
    row = next(row for row in stand_in.rows if row["dag_id"] == "marketing_metadata")
    row["warnings"] *= 3
    open_tab(page, "marketing_metadata")
    assert len(page.texts(".problem.is-warning")) == 3


def test_a_run_links_to_its_page_in_airflow(page: Opened, stand_in: StandIn) -> None:
    open_tab(page, "sales_lineage")
    run_id = stand_in.rows[1]["history"][-1]["run_id"]
    page.click(run_id)
    page.wait(lambda: "/dags/sales_lineage/runs/scheduled__" in page.browser.url, "the run's page")


def test_its_buttons_act_on_this_pipeline_alone(page: Opened, stand_in: StandIn) -> None:
    open_tab(page, "finance_dashboards")
    page.click("Retry")
    page.click("Retry 1 pipeline")
    page.wait(lambda: "Retried 1 pipeline" in page.text, "the outcome")
    assert stand_in.acted == [("retry", ["finance_dashboards"])]
    page.click("Close")
    page.click("Pause")
    page.click("Pause 1 pipeline")
    page.click("Close")
    page.wait(lambda: "Paused" in page.texts("header")[0], "the badge")
    assert "Unpause" in page.texts("header button")


def test_who_may_not_finds_buttons_that_do_nothing(page: Opened, stand_in: StandIn) -> None:
    stand_in.rows[0]["may"] = {"trigger": False, "edit": None}
    open_tab(page, "sales_metadata")
    buttons = page.run("return [...page.querySelectorAll('header button')].map(b => [b.innerText.trim(), b.disabled])")
    assert buttons == [["Trigger", True], ["Pause", False]]


def test_a_dag_that_is_not_ours_is_named_as_such(page: Opened, stand_in: StandIn) -> None:
    open_tab(page, "somebody_elses")
    assert "The DAG “somebody_elses” is not made from a config of the config store." in page.text


@pytest.mark.parametrize("width", [400, 800])
@pytest.mark.parametrize("address", ["", "pipeline?dag_id=finance_dashboards"])
def test_a_narrow_window_scrolls_in_one_direction(page: Opened, stand_in: StandIn, width: int, address: str) -> None:
    page.browser.run("document.body.replaceChildren()")
    page.open("/empty", until="body")
    script = """
        const frame = document.createElement('iframe');
        Object.assign(frame, {src: arguments[0], width: arguments[1], height: 700});
        document.body.replaceChildren(frame);
    """
    page.browser.run(script, f"/openmetadata-pipelines/{address}", width)
    page.wait(lambda: bool(page.texts("tbody tr")), "the page")
    assert page.run("return page.documentElement.scrollWidth <= page.documentElement.clientWidth")
