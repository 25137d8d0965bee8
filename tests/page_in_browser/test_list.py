"""The list of pipelines in a real Chromium, over stand-ins of the data routes and of Airflow's UI."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.page_in_browser.opened import Opened
from tests.page_in_browser.rows import Row, many, problem
from tests.page_in_browser.stand_in import PREFIX, StandIn

pytestmark = pytest.mark.e2e


def test_a_row_says_all_of_its_pipeline(page: Opened, stand_in: StandIn) -> None:
    page.open()
    row = page.texts("tbody:has([data-dag=finance_dashboards])")[0]
    for said in (
        "Finance dashboards",
        "Last good",
        "finance_superset",
        "metadata · Superset",
        "At 06:00 AM",
        "in 7 hours",
    ):
        assert said in row
    assert "17,303 records · 2 errors · 2 warnings · 9 min 51 s" in row
    assert "finance_dashboards.json:14:24 airflowConfig.scheduleInterval '0 25 * * *' is not a cron expression" in row
    assert "Last run failed: WorkflowError: finance_superset refuses the connection. Log" in row
    bars = page.run("return page.querySelector('[data-dag=finance_dashboards] .bars').ariaLabel")
    assert bars == "Last 10 runs: 9 success, 1 failed"


def test_counts_are_filters_that_stand_in_the_address(page: Opened, stand_in: StandIn) -> None:
    page.open()
    page.wait(lambda: page.texts(".count")[0] == "12 All", "the counts, which come after the table")
    assert page.texts(".count")[:5] == ["12 All", "10 Good", "1 Last good", "1 Broken", "1 Warnings"]
    page.count("Broken")
    page.wait_for_names("HR metadata")
    assert page.browser.url.endswith(f"{PREFIX}/?state=broken")
    assert page.texts(".count[aria-pressed=true]") == ["1 Broken"]
    page.count("Paused")
    page.wait(lambda: "No pipeline matches" in page.text, "no match")
    assert "The filters are: state broken, paused." in page.text
    page.browser.back()
    page.wait_for_names("HR metadata")
    page.browser.back()
    page.wait(lambda: len(page.names) == 12, "all")
    page.browser.forward()
    page.wait_for_names("HR metadata")


def test_a_link_carries_filters_order_and_page(page: Opened, stand_in: StandIn) -> None:
    stand_in.rows = many(200)
    page.open("?service=sales_postgres&sort=-name&size=25&page=2")
    assert len(page.names) == 25
    assert page.names == sorted(page.names, reverse=True)
    assert page.run("return page.querySelector('select[aria-label=Service]').value") == "sales_postgres"
    assert "Page 2 of 3" in page.text


@pytest.mark.parametrize("query", ["?page=999", "?page=999&state=broken"])
def test_a_page_behind_the_last_one_is_the_last_one(page: Opened, stand_in: StandIn, query: str) -> None:
    stand_in.rows = many(200)
    page.open(query)
    assert page.names


def test_filters_stand_in_the_address_of_airflow_around_the_frame(page: Opened, stand_in: StandIn) -> None:
    page.open("/plugin/openmetadata?last=failed")
    page.wait_for_names("Finance dashboards", "Sales profiler")
    page.count("Last good")
    page.wait_for_names("Finance dashboards")
    assert page.browser.url.endswith("/plugin/openmetadata?state=last_good&last=failed")
    page.browser.back()
    page.wait_for_names("Finance dashboards", "Sales profiler")
    assert page.browser.url.endswith("/plugin/openmetadata?last=failed")


def test_links_in_airflows_frame_lead_airflows_ui_there(page: Opened, stand_in: StandIn) -> None:
    page.open("/plugin/openmetadata")
    page.click("Sales lineage")
    page.wait(lambda: page.browser.url.endswith("/dags/sales_lineage"), "the DAG's page")
    assert "Airflow's page /dags/sales_lineage" in page.browser.text


def test_headers_sort(page: Opened, stand_in: StandIn) -> None:
    page.open()
    page.click("Last run")
    page.wait(lambda: "sort=-last_run" in stand_in.asked[-1], "the order")
    page.wait(lambda: page.names[0] == "Sales quality tests", "the list in it")
    page.wait(lambda: page.run("return page.activeElement.innerText") == "Last run", "the focus where it was")
    assert page.texts("[aria-sort=descending]") == ["Last run"]
    page.click("Last run")
    page.wait(lambda: page.texts("[aria-sort=ascending]") == ["Last run"], "the other order")


def test_search_narrows_while_one_types(page: Opened, stand_in: StandIn) -> None:
    page.open()
    for text in ("s", "sa", "sales l"):
        page.type(text)
    page.wait_for_names("Sales lineage")
    assert [asked for asked in stand_in.asked if "q=" in asked] == ["q=sales+l&sort=name"]
    assert page.run("return page.activeElement.type") == "search"
    page.click("Clear filters")
    page.wait(lambda: len(page.names) == 12, "all")


def test_what_is_being_typed_is_forgotten_on_the_way_back(page: Opened, stand_in: StandIn) -> None:
    page.open()
    page.count("Broken")
    page.wait_for_names("HR metadata")
    # The step back comes before the search begins.
    page.run(
        "window.realTimeout = setTimeout; window.setTimeout = (call, ms) => realTimeout(call, ms === 250 ? 2000 : ms)"
    )
    page.type("sales l")
    page.browser.back()
    page.wait(lambda: len(page.names) == 12, "all")
    assert page.run("return page.querySelector('[type=search]').value") == ""
    time.sleep(2.5)
    assert not [asked for asked in stand_in.asked if "q=" in asked]


def test_an_action_is_for_all_that_match_and_says_how_many(page: Opened, stand_in: StandIn) -> None:
    stand_in.rows = many(200)
    stand_in.rows[24]["may"] = {"trigger": True, "edit": False}
    page.open("?service=sales_postgres")
    page.click("Pause")
    page.wait(lambda: "Pause 68 pipelines?" in page.text, "the question")
    assert "All that match now: service sales_postgres." in page.text
    # It is asked for those that were confirmed, not for those that match later.
    stand_in.rows[1]["service"] = {"name": "other", "type": None}
    page.click("Pause 68 pipelines")
    page.wait(lambda: "Paused 67 pipelines" in page.text, "the outcome")
    assert "Refused for 1 pipeline: pipeline_00024 You may not pause it." in page.text
    assert [action for action, _ in stand_in.acted] == ["pause", "pause"]
    assert sum(row["paused"] for row in stand_in.rows) == 67
    page.click("Close")
    page.wait(lambda: page.texts("dialog[open]") == [], "the dialog to close")


def test_many_are_paused_by_one_request(page: Opened, stand_in: StandIn) -> None:
    stand_in.rows = many(300)
    page.open()
    page.click("Pause")
    page.click("Pause 300 pipelines")
    page.wait(lambda: "Paused 300 pipelines" in page.text, "the outcome")
    assert len(stand_in.acted) == 1


ALL_THAT_MATCH = "all that match when you confirm are meant."


def test_the_question_says_where_it_is_done_to_all_that_match_later(page: Opened, stand_in: StandIn) -> None:
    stand_in.rows = many(201)
    page.open()
    page.click("Pause")
    page.wait(lambda: "Pause 201 pipelines?" in page.text, "the question")
    assert ALL_THAT_MATCH in page.text
    stand_in.rows = many(205)
    page.click("Pause 201 pipelines")
    page.wait(lambda: "Paused 205 pipelines" in page.text, "the outcome")


@pytest.mark.parametrize(("count", "action"), [(200, "Pause"), (201, "Trigger")])
def test_the_question_says_so_nowhere_else(page: Opened, stand_in: StandIn, count: int, action: str) -> None:
    stand_in.rows = many(count)
    page.open()
    page.click(action)
    page.wait(lambda: f"{action} {count} pipelines?" in page.text, "the question")
    assert ALL_THAT_MATCH not in page.text


def test_ids_are_sent_in_portions_that_the_server_reads(page: Opened, stand_in: StandIn) -> None:
    stand_in.rows = many(5000)
    for row in stand_in.rows:
        row["dag_id"] = f"{row['dag_id']}_{'x' * 235}"
    page.open()
    page.click("Trigger")
    page.click("Trigger 5,000 pipelines")
    page.wait(lambda: "Triggered 5,000 pipelines" in page.text, "the outcome")
    assert sum(len(dag_ids) for _, dag_ids in stand_in.acted) == 5000
    assert 0 < stand_in.largest_body < 1024**2


def test_a_retry_by_filter_is_for_those_whose_last_run_failed(page: Opened, stand_in: StandIn) -> None:
    page.open("?service=sales_postgres")
    page.click("Retry failed")
    page.wait(lambda: "Retry 1 pipeline?" in page.text, "the question")
    assert "All that match now: last run failed, service sales_postgres." in page.text
    page.click("Retry 1 pipeline")
    page.wait(lambda: "Retried 1 pipeline" in page.text, "the outcome")
    assert stand_in.acted == [("retry", ["sales_profiler"])]


def test_a_click_on_a_service_shows_it_alone(page: Opened, stand_in: StandIn) -> None:
    page.open()
    page.click("events_kafka")
    page.wait_for_names("Events topics")
    assert page.browser.url.endswith("?service=events_kafka")


def broken_of(service: str, rows: list[Row]) -> list[str]:
    return [row["dag_id"] for row in rows if row["state"] == "broken" and row["service"]["name"] == service]


def pause_all(page: Opened, dag_ids: list[str]) -> None:
    """Pause all that match, which must be these, and wait for the outcome."""
    page.click("Pause")
    page.click(f"Pause {len(dag_ids)} pipelines")
    page.wait(lambda: f"Paused {len(dag_ids)} pipelines" in page.text, "the outcome")


def test_all_broken_of_a_service_are_paused_by_one_button_and_one_confirmation(page: Opened, stand_in: StandIn) -> None:
    stand_in.rows = many(400)
    service = stand_in.rows[0]["service"]["name"]
    broken = broken_of(service, stand_in.rows)
    assert len(broken) >= 2
    # A link of a message or a dashboard, as docs/page.md has it.
    page.open(f"?state=broken&service={service}")
    assert f"All {len(broken)} that match:" in page.text
    pause_all(page, broken)
    assert stand_in.acted == [("pause", broken)]


def test_without_a_link_a_click_on_each_filter_comes_before_them(page: Opened, stand_in: StandIn) -> None:
    stand_in.rows = many(400)
    service = stand_in.rows[0]["service"]["name"]
    broken = broken_of(service, stand_in.rows)
    page.open()
    page.count("Broken")
    page.wait(lambda: "state=broken" in page.browser.url and page.names[0] == broken[0], "the broken ones")
    page.click(service)
    pause_all(page, broken)
    assert stand_in.acted == [("pause", broken)]


def test_a_selected_page_offers_to_select_all_that_match(page: Opened, stand_in: StandIn) -> None:
    stand_in.rows = many(400)
    service = stand_in.rows[0]["service"]["name"]
    matching = [row["dag_id"] for row in stand_in.rows if row["service"]["name"] == service]
    page.open(f"?service={service}")
    page.click("Select all on this page")
    assert "50 selected:" in page.text
    page.click(f"Select all {len(matching)} that match")
    ticked = "return [...page.querySelectorAll('tbody input')].filter(each => each.checked).length"
    assert f"All {len(matching)} that match are selected:" in page.text
    assert page.run(ticked) == 50
    pause_all(page, matching)
    assert sorted(dag_id for _, dag_ids in stand_in.acted for dag_id in dag_ids) == matching


def test_whoever_takes_one_out_of_all_that_match_keeps_the_others_of_the_page(page: Opened, stand_in: StandIn) -> None:
    stand_in.rows = many(120)
    page.open()
    page.click("Select all on this page")
    page.click("Select all 120")
    page.click("Select pipeline_00001")
    assert "49 selected:" in page.text
    page.click("Clear selection")
    assert "All 120:" in page.text


def test_an_action_that_is_cancelled_does_nothing(page: Opened, stand_in: StandIn) -> None:
    page.open()
    page.click("Trigger")
    page.click("Cancel")
    page.wait(lambda: page.texts("dialog[open]") == [], "the dialog to close")
    assert stand_in.acted == []


def test_an_action_is_for_the_selected_ones(page: Opened, stand_in: StandIn) -> None:
    page.open()
    page.click("Select Events topics")
    page.click("Select Warehouse dbt")
    assert "2 selected:" in page.text
    page.click("Trigger")
    page.click("Trigger 2 pipelines")
    page.wait(lambda: "Triggered 2 pipelines" in page.text, "the outcome")
    assert stand_in.acted == [("trigger", ["events_topics", "warehouse_dbt"])]


def test_a_switch_pauses_one(page: Opened, stand_in: StandIn) -> None:
    page.open()
    page.click("Events topics is active")
    switch = "return page.querySelector('[data-dag=events_topics] [role=switch]').ariaChecked"
    page.wait(lambda: page.run(switch) == "false", "the switch")
    assert stand_in.acted == [("pause", ["events_topics"])]


def test_who_may_not_finds_buttons_that_do_nothing(page: Opened, stand_in: StandIn) -> None:
    for row in stand_in.rows:
        row["may"] = {"trigger": False, "edit": False}
    page.open()
    disabled = "return [...page.querySelectorAll('.bulk button, .switch')].map(each => each.disabled)"
    assert set(page.run(disabled)) == {True}
    assert page.run("return page.querySelector('.bulk button').title").startswith("You may not")


PAYLOADS = [
    "<img src=x onerror='window.pwned=1'>",
    "<script>window.pwned=1</script>",
    "\"><svg onload='window.pwned=1'>",
    "javascript:window.pwned=1",
]


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("address", ["", "pipeline?dag_id=evil"])
def test_texts_are_never_read_as_html(page: Opened, stand_in: StandIn, payload: str, address: str) -> None:
    row = stand_in.rows[0]
    evil = problem(payload, payload, 1, 1, payload)
    row.update(
        dag_id="evil",
        name=payload,
        problem=evil,
        warnings=[evil, evil],
        type=payload,
        schedule=payload,
        owners=[payload],
    )
    row["service"], row["next_run"] = {"name": payload, "type": payload}, payload
    row["config"] = {"key": payload, "version": payload, "changed_at": payload}
    row["links"] = {"dag": payload, "log": payload, "openmetadata": payload}
    for run in (*row["history"], row["last_run"]):
        run.update(run_id=payload, state=payload, start=payload, end=payload)
    stand_in.rows = [row]
    page.open(address, until="tbody tr")
    assert payload in page.text
    assert page.run("return window.pwned") is None
    assert page.run("return page.querySelectorAll('main img, main script, main svg[onload]').length") == 0
    assert page.run("return [...page.links].map(each => each.protocol)") == []


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", " javascript:alert(1)", "JAVASCRIPT:alert(1)", "data:text/html,x", "//evil.example/x",
     "/\\evil.example/x", "/\t/evil.example/x", "..\\evil", "vbscript:x", "https:", "http:///x", "x", "ftp://x/y"],
)  # fmt: skip
def test_a_link_leads_to_a_path_here_or_to_http(page: Opened, stand_in: StandIn, address: str) -> None:
    stand_in.rows = stand_in.rows[:1]
    stand_in.rows[0]["links"] = {"dag": address, "log": "../dags/x", "openmetadata": "https://om.example/y"}
    page.open()
    links = page.run("return [...page.links].map(each => each.href.replace(location.origin, ''))")
    assert links == ["/dags/x", "https://om.example/y"]


RIGHT_TO_LEFT = "\N{ARABIC LETTER MEEM}\N{ARABIC LETTER BEH}\N{ARABIC LETTER YEH}!"


def test_a_long_name_and_one_from_right_to_left_leave_the_rest_where_it_is(page: Opened, stand_in: StandIn) -> None:
    stand_in.rows = stand_in.rows[:3]
    stand_in.rows[0]["name"], stand_in.rows[1]["name"] = "x" * 10_000, RIGHT_TO_LEFT
    page.open()
    heights = page.run("return [...page.querySelectorAll('tbody tr')].map(each => each.offsetHeight)")
    assert max(heights) < 200
    assert page.run("return page.documentElement.scrollWidth <= page.documentElement.clientWidth")
    page.click(f"Select {RIGHT_TO_LEFT}")
    page.click(f"Select {'x' * 10_000}")
    page.click("Trigger")
    page.wait(lambda: "Trigger 2 pipelines?" in page.texts("dialog")[0], "the question")
    assert len(page.texts("dialog")[0]) < 500
    assert f"\N{FIRST STRONG ISOLATE}{RIGHT_TO_LEFT}\N{POP DIRECTIONAL ISOLATE}" in page.texts("dialog")[0]


def test_ten_thousand_are_shown_page_by_page(page: Opened, stand_in: StandIn) -> None:
    stand_in.rows = many(10_000)
    page.open()
    assert len(page.names) == 50
    assert "1\N{EN DASH}50 of 10,000" in page.text
    page.click("Last page")
    page.wait(lambda: page.names[-1] == "pipeline_09999", "the last page")
    assert "Page 200 of 200" in page.text
    page.count("Broken")
    page.wait(lambda: "1\N{EN DASH}50 of 100" in page.text, "the broken ones, from their first page")


@pytest.mark.parametrize(("theme", "is_dark"), [("light", False), ("dark", True), (None, False)])
def test_the_theme_is_that_of_airflow(page: Opened, stand_in: StandIn, theme: str | None, is_dark: bool) -> None:
    if theme:
        page.browser.run("localStorage.setItem('theme', arguments[0])", theme)
    page.open("/plugin/openmetadata")
    page.wait(lambda: bool(page.names), "the list")
    lightness = "return parseFloat(getComputedStyle(page.body).backgroundColor.match(/[\\d.]+/)[0])"
    assert (page.run(lightness) < 0.5) is is_dark


def test_a_theme_that_is_changed_is_followed(page: Opened, stand_in: StandIn) -> None:
    page.open("/plugin/openmetadata")
    page.wait(lambda: bool(page.names), "the list")
    theme = "return page.documentElement.dataset.theme"
    assert page.run(theme) == "light"
    page.browser.run("localStorage.setItem('theme', 'dark')")
    page.wait(lambda: page.run(theme) == "dark", "the other theme")


def test_times_are_in_the_time_zone_chosen_in_airflow(page: Opened, stand_in: StandIn) -> None:
    page.browser.run("localStorage.setItem('timezone', '\"Asia/Tokyo\"')")
    page.open()
    assert "Times in Asia/Tokyo" in page.text
    assert page.run("return page.querySelector('tbody time').title").endswith(("GMT+9", "JST"))


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "You are not logged in"),
        (403, "You may not see this You may not read DAGs. Ask an admin"),
        (
            503,
            "be shown You may not read DAGs. This page retries every 30 seconds.",
        ),
    ],
)
def test_a_refusal_says_what_to_do(page: Opened, stand_in: StandIn, status: int, said: str) -> None:
    stand_in.status = status
    page.open(until=".notice")
    assert said in page.text


def test_who_is_logged_out_is_led_back_after_the_login(page: Opened, stand_in: StandIn) -> None:
    stand_in.status = 401
    page.open("?state=broken", until=".notice")
    link = page.run("return page.querySelector('.notice a').href.replaceAll(location.origin, '')")
    assert link == "/api/v2/auth/login?next=" + page.run("return encodeURIComponent(location.href)")


def test_what_is_away_is_asked_again(page: Opened, stand_in: StandIn) -> None:
    page.open()
    page.browser.run("window.realFetch = fetch; window.fetch = () => Promise.reject(new TypeError('Failed to fetch'))")
    page.click("Refresh")
    page.wait(lambda: "Airflow\N{RIGHT SINGLE QUOTATION MARK}s API server does not answer" in page.text, "the problem")
    page.browser.run("window.fetch = realFetch")
    page.click("Retry now")
    page.wait(lambda: len(page.names) == 12, "the list")


def test_without_pipelines_it_says_how_to_add_one(page: Opened, stand_in: StandIn) -> None:
    stand_in.rows = []
    page.open(until=".notice")
    assert "No pipelines yet" in page.text
    assert "openmetadata-dag-factory validate" in page.text


def test_the_difference_to_the_server_is_shown_where_it_is_known(page: Opened, stand_in: StandIn) -> None:
    page.open()
    assert page.texts(".difference") == []
    stand_in.difference = checked(only_on_server=3, older_here=1)
    page.open(until=".difference")
    assert page.texts(".difference")[0].startswith(
        "3 pipelines of the OpenMetadata server missing here, 1 would be changed or marked as deployed by a deploy."
    )
    stand_in.difference = checked()
    page.open(until=".difference")
    assert page.texts(".difference")[0].startswith("Same as the OpenMetadata server. checked")


@pytest.mark.parametrize("dot", ["", "."])
def test_a_check_that_failed_is_said_to_have_failed_with_the_reason_and_the_way_out(
    page: Opened, stand_in: StandIn, dot: str
) -> None:
    error = "the OpenMetadata server om.example answers 401. Renew the token"
    stand_in.difference = checked(error=f"{error}{dot}")
    page.open(until=".difference")
    (shown,) = page.texts(".difference")
    assert shown.startswith("The check against the OpenMetadata server failed ")
    assert shown.endswith(
        f"ago: {error}. Once this is put right, the next check shows it. openmetadata-dag-factory diff checks at once."
    )
    assert "Same as" not in shown


def test_after_a_check_that_failed_the_numbers_are_those_of_the_check_before(page: Opened, stand_in: StandIn) -> None:
    stand_in.difference = checked(only_here=2, error="ValueError")
    page.open(until=".difference")
    (shown,) = page.texts(".difference")
    assert "ago: ValueError. The check before found: 2 only here. Once this" in shown


def checked(**found: Any) -> dict[str, Any]:
    """Return what the last check of the server has found."""
    none = {"only_on_server": 0, "only_here": 0, "older_here": 0, "error": None}
    return {"checked_at": "2026-01-01T00:00:00Z", **none, **found}


def test_an_answer_that_is_no_longer_wanted_when_its_body_comes_is_no_error(page: Opened) -> None:
    page.open()
    script = """
        const cut = () => Promise.reject(new DOMException("", "AbortError"));
        window.fetch = async () => Object.assign(new Response(), { json: cut });
        return import(new URL("static/server.js", document.baseURI))
            .then((server) => server.pipelines("", new AbortController().signal))
            .then(() => "an answer", (error) => error.name);
    """
    assert page.browser.run(script) == "AbortError"


def test_its_files_are_loaded_once_however_often_it_is_opened(page: Opened) -> None:
    loaded = """
        const all = performance.getEntriesByType("resource").filter((each) => each.name.includes("/static/"));
        return all.map((each) => each.transferSize);
    """
    page.open()
    page.open()
    sizes = page.browser.run(loaded)
    assert len(sizes) > 20
    assert set(sizes) == {0}


def test_it_asks_again_only_while_it_can_be_seen(page: Opened, stand_in: StandIn) -> None:
    page.open()
    script = """
        window.planned = new Set();
        const [start, stop] = [window.setTimeout, window.clearTimeout];
        window.setTimeout = (call, ms) => {
            const id = start(call, ms);
            if (ms === 30000) planned.add(id);
            return id;
        };
        window.clearTimeout = id => { planned.delete(id); stop(id); };
        window.become = hidden => {
            Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
            document.dispatchEvent(new Event('visibilitychange'));
        };
        become(true);
    """
    page.browser.run(script)
    asked = len(stand_in.asked)
    page.browser.run("become(false)")
    page.wait(lambda: page.browser.run("return planned.size") == 1, "the next time")
    assert len(stand_in.asked) == asked + 1
    page.browser.run("become(true)")
    assert page.browser.run("return planned.size") == 0


NAMELESS = """
    return [...page.querySelectorAll('button, a, input, select')]
        .filter(each => !(each.innerText || '').trim() && !each.ariaLabel && !each.labels?.length)
        .map(each => each.outerHTML);
"""


@pytest.mark.parametrize("address", ["", "pipeline?dag_id=finance_dashboards"])
def test_all_that_can_be_used_has_a_name(page: Opened, stand_in: StandIn, address: str) -> None:
    page.open(address)
    assert page.run(NAMELESS) == []


CONTRAST = """
    const canvas = Object.assign(document.createElement('canvas'), {width: 1, height: 1});
    const context = canvas.getContext('2d', {willReadFrequently: true});
    const over = (colors) => {
        context.clearRect(0, 0, 1, 1);
        for (const color of colors) { context.fillStyle = color; context.fillRect(0, 0, 1, 1); }
        return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const luminance = (rgb) => {
        const [r, g, b] = rgb.map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const poor = new Set();
    for (const each of document.querySelectorAll('main *')) {
        const own = [...each.childNodes].some(node => node.nodeType === 3 && node.data.trim());
        if (!own || each.matches(':disabled, :disabled *') || !each.checkVisibility()) continue;
        const behind = [];
        for (let place = each; place; place = place.parentElement) {
            behind.unshift(getComputedStyle(place).backgroundColor);
        }
        const [a, b] = [over(behind), over([...behind, getComputedStyle(each).color])].map(luminance);
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) poor.add(`${each.tagName}.${each.className} ${ratio.toFixed(2)}`);
    }
    return [...poor];
"""


@pytest.mark.parametrize("address", ["", "?state=broken", "pipeline?dag_id=finance_dashboards"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_can_be_told_from_what_is_behind_them(page: Opened, stand_in: StandIn, theme: str, address: str) -> None:
    stand_in.difference = checked(only_on_server=3, error="ValueError")
    page.browser.run("localStorage.setItem('theme', arguments[0])", theme)
    page.open(address, until="section" if address.startswith("pipeline") else ".difference")
    assert page.browser.run(CONTRAST) == []
