"""A real Chromium without a window, driven over WebDriver, which is HTTP and JSON."""

from __future__ import annotations

import base64
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from sandbox.client import wait_until
from sandbox.process import Process
from sandbox.scoped import Scoped
from sandbox.stack import child_environment, free_port

DRIVER = "chromedriver"
OPTIONS = [
    "--headless=new",
    "--disable-gpu",
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--window-size=1280,1600",
    # What it would do besides: ask for updates, and keep two more processes for what may be drawn next.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--in-process-gpu",
    "--renderer-process-limit=1",
    "--disable-features=SpareRendererForSitePerProcess",
]
# The driver repeats a command, also one that steps through the history, where the page changes meanwhile. The last
# argument is the script's number.
ONCE = """
    const number = arguments[arguments.length - 1];
    if (window.lastScript?.number !== number) {
        window.lastScript = {number};
        window.lastScript.result = (function () {%s}).apply(null, arguments);
    }
    return window.lastScript.result;
"""


class BrowserError(RuntimeError):
    """The browser could not carry out a command. The message is WebDriver's."""


class Browser(Scoped):
    """
    One Chromium with a profile of its own, for as long as the context lasts.

    :param hosts: host names that resolve to this machine
    :raises FileNotFoundError: where Chromium or its driver isn't installed (Debian: chromium, chromium-driver)
    """

    def __init__(self, hosts: Sequence[str] = ()) -> None:
        self._hosts = hosts
        self._folder = Path(tempfile.mkdtemp(prefix="browser-"))
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{free_port()}", trust_env=False, timeout=120)
        self._driver: Process | None = None
        self._session = ""
        self._scripts = 0

    @staticmethod
    def is_installed() -> bool:
        """Return whether Chromium and its driver are installed."""
        return shutil.which(DRIVER) is not None

    def start(self) -> None:
        """Start the driver and the browser, and return when the browser is ready."""
        program = shutil.which(DRIVER)
        if program is None:
            raise FileNotFoundError(f"{DRIVER} is not installed. With Debian: apt-get install chromium chromium-driver")
        port = self._http.base_url.port
        self._driver = Process(
            [program, f"--port={port}"],
            # What it leaves there when it is ended goes with the folder.
            env=child_environment({"HOME": str(self._folder), "TMPDIR": str(self._folder)}),
            log=self._folder / "log",
        )
        wait_until(self._is_ready, "the browser's driver to answer", timeout=60)
        # The superuser may start Chromium only without its sandbox.
        options = [*OPTIONS, f"--user-data-dir={self._folder / 'profile'}"]
        options += [f"--host-resolver-rules={','.join(f'MAP {host} 127.0.0.1' for host in self._hosts)}"]
        options += ["--no-sandbox"] if os.geteuid() == 0 else []
        wanted = {"browserName": "chrome", "goog:chromeOptions": {"args": options}}
        self._session = str(self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"])

    def stop(self) -> None:
        """End the browser and forget its profile."""
        if self._driver is not None:
            self._driver.stop()
        self._http.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def open(self, url: str) -> None:
        """Go to a page, and return when it is loaded."""
        self._do("POST", "/url", {"url": url})

    def back(self) -> None:
        """Go back in the history, by one step; it may not have happened yet on return."""
        self._go(-1)

    def forward(self) -> None:
        """Go forward in the history, by one step; it may not have happened yet on return."""
        self._go(1)

    @property
    def url(self) -> str:
        """The address of the page that is shown."""
        return str(self._do("GET", "/url"))

    @property
    def text(self) -> str:
        """The text of the page."""
        return str(self.run("return document.documentElement.innerText"))

    def new_tab(self) -> None:
        """
        Go on in a new tab, which has no history, and close the one that is shown.

        From the 50th step on, Chromium drops one that it takes for the page's own, which may be one just made.
        """
        new = self._do("POST", "/window/new", {"type": "tab"})["handle"]
        self._do("DELETE", "/window")
        self._do("POST", "/window", {"handle": new})

    def run(self, script: str, *arguments: object) -> Any:
        """Run a script in the page, once, and return its result, awaited if it is a promise."""
        self._scripts += 1
        body = {"script": ONCE % script, "args": [*arguments, self._scripts]}
        return self._do("POST", "/execute/sync", body)

    def add_cookie(self, name: str, value: str) -> None:
        """Set a cookie of the site that is shown."""
        self._do("POST", "/cookie", {"cookie": {"name": name, "value": value, "httpOnly": True, "sameSite": "Lax"}})

    def screenshot(self, path: Path) -> None:
        """Write a picture of the page, a PNG."""
        path.write_bytes(base64.b64decode(self._do("GET", "/screenshot")))

    def _go(self, steps: int) -> None:
        # The script has ended before the history moves.
        self.run("setTimeout(() => history.go(arguments[0]), 50)", steps)

    def _do(self, method: str, path: str, body: object = None) -> Any:
        return self._ask(method, f"/session/{self._session}{path}", body)

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        answer = self._http.request(method, path, json=body) if method == "POST" else self._http.request(method, path)
        value = answer.json()["value"]
        if answer.is_error:
            raise BrowserError(f"{value['error']}: {value['message'].splitlines()[0]}")
        return value

    def _is_ready(self) -> tuple[bool | None, str]:
        assert self._driver is not None
        self._driver.check()
        try:
            return (True if self._ask("GET", "/status")["ready"] else None), "not ready"
        except httpx.TransportError as error:
            return None, str(error)
