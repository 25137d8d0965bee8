"""The page in a Chromium, as a test looks at it and uses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.browser import Browser
from sandbox.client import wait_until
from tests.page_in_browser.stand_in import PREFIX

# The page, in Airflow's frame or by itself.
_DOCUMENT = "const page = document.querySelector('iframe')?.contentDocument ?? document;"
_TEXTS = "return [...page.querySelectorAll(arguments[0])].map(each => each.innerText.trim().replace(/\\s+/g, ' '));"
# By its text, or by its name for those who hear the page.
_CLICK = """
    const named = each => [each.innerText?.trim().replace(/\\s+/g, ' '), each.ariaLabel];
    const found = [...page.querySelectorAll('button, a, input')].find(each => named(each).includes(arguments[0]));
    found?.focus();
    found?.click();
    return found !== undefined;
"""


class Opened:
    """
    The page at an address of a server.

    :param url: of the server, without a path
    """

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser = browser
        self._url = url

    def open(self, address: str = "", *, until: str = "tbody tr, .notice") -> Opened:
        """Go to an address of the page, or of the server where it begins with ``/``; return when something is shown."""
        path = address if address.startswith("/") else f"{PREFIX}/{address}"
        url = f"{self._url}{path}"
        if self.browser.url.partition("#")[0] == url.partition("#")[0]:
            # From one to the same address with another fragment, a browser loads nothing.
            self.browser.open("about:blank")
        self.browser.open(url)
        self.wait(lambda: bool(self.texts(until)), f"{until} at {path}")
        return self

    def run(self, script: str, *arguments: object) -> Any:
        """Run a script, which has the page's document as ``page``, and return its result."""
        return self.browser.run(f"{_DOCUMENT} {script}", *arguments)

    def texts(self, selector: str) -> list[str]:
        """Return the texts of all elements that a selector finds, each in one line."""
        return list(self.run(_TEXTS, selector))

    @property
    def names(self) -> list[str]:
        """The names of the pipelines that are listed."""
        return self.texts(".name")

    @property
    def text(self) -> str:
        """All that can be read, in one line."""
        return " ".join(self.texts("body"))

    def click(self, name: str) -> None:
        """Click the button, link or box with a text or name, once it is there."""
        self.wait(lambda: bool(self.run(_CLICK, name)), f"'{name}' to click")

    def count(self, label: str) -> None:
        """Click one of the counts."""
        script = "[...page.querySelectorAll('.count')].find(each => each.innerText.includes(arguments[0])).click()"
        self.run(script, label)

    def type(self, text: str) -> None:
        """Type into the search."""
        script = """
            const search = page.querySelector('[type=search]');
            search.focus();
            search.value = arguments[0];
            search.dispatchEvent(new Event('input'));
        """
        self.run(script, text)

    def wait(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until something holds."""
        wait_until(lambda: (holds() or None, self.browser.text[:2000]), what, timeout=30)

    def wait_for_names(self, *names: str) -> None:
        """Wait until just these pipelines are listed, in this order."""
        self.wait(lambda: self.names == list(names), f"the list {names}")
