from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from sandbox.browser import Browser
from sandbox.stack import free_port
from tests.page_in_browser.opened import Opened
from tests.page_in_browser.rows import dozen
from tests.page_in_browser.stand_in import StandIn
from tests.serving import serving

# In steps: Chromium keeps 50, of which one test makes a dozen. Opening a tab takes as long as loading a page.
LONGEST_HISTORY = 30


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not Browser.is_installed() and "BROWSER_REQUIRED" not in os.environ:
        pytest.skip("Chromium and its driver are not installed (Debian: chromium, chromium-driver).")
    with Browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[StandIn, str]]:
    """The stand-in that all tests of a module share, and its URL."""
    stand_in, port = StandIn([]), free_port()
    with serving(stand_in.app, port):
        yield stand_in, f"http://127.0.0.1:{port}"


@pytest.fixture
def stand_in(served: tuple[StandIn, str]) -> StandIn:
    """The data routes, with a dozen pipelines."""
    stand_in, _ = served
    stand_in.rows, stand_in.status, stand_in.difference = dozen(), 200, None
    stand_in.asked.clear()
    stand_in.acted.clear()
    stand_in.largest_body = 0
    return stand_in


@pytest.fixture
def page(browser: Browser, served: tuple[StandIn, str], stand_in: StandIn) -> Opened:
    """The page in a browser, which a test still has to open; with the theme and the time zone of nobody's choice."""
    if browser.run("return history.length") > LONGEST_HISTORY:
        browser.new_tab()
    browser.open(f"{served[1]}/empty")
    browser.run("localStorage.clear(); sessionStorage.clear()")
    return Opened(browser, served[1])
