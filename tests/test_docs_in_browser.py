"""A DAG's docs in a real browser, in Airflow's own UI: to open them sends nothing to anybody else."""

from __future__ import annotations

import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.browser import Browser
from sandbox.client import wait_until
from sandbox.stack import AirflowStack
from tests.e2e.pipelines import drop, sample
from tests.page_in_browser.login import set_token

pytestmark = pytest.mark.e2e

HOST = "tracker.example"
OPEN_DOCS = "[...document.querySelectorAll('button')].find(each => /dag docs/i.test(each.innerText + each.ariaLabel))"


class Tracker(http.server.ThreadingHTTPServer):
    """A web server that remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Remembering)
        self.asked: list[str] = []

    def url(self, path: str) -> str:
        return f"http://{HOST}:{self.server_address[1]}/{path}"


class _Remembering(http.server.BaseHTTPRequestHandler):
    server: Tracker

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<img src=/picture>")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def tracker() -> Iterator[Tracker]:
    with Tracker() as tracker:
        threading.Thread(target=tracker.serve_forever, daemon=True).start()
        yield tracker
        tracker.shutdown()


def test_the_docs_of_a_document_full_of_images_fetch_none(
    airflow: AirflowStack, config_store: Path, tracker: Tracker
) -> None:
    if not Browser.is_installed() and "BROWSER_REQUIRED" not in os.environ:
        pytest.skip("Chromium and its driver are not installed (Debian: chromium, chromium-driver).")
    picture = tracker.url("picture")
    images = f"![i]({picture})\n\n![i][x]\n\n[x]: {picture}\n\n<img src={picture}>\n\n[![i]({picture})]({picture})"
    document = sample(
        "with_images",
        displayName=images,
        description=f"look here\n{images}",
        owners=[{"name": images}],
        sourceConfig={"config": {"type": "DatabaseMetadata", "schemaFilterPattern": {"includes": [images]}}},
    )
    drop(config_store, document)
    airflow.wait_for_dag("with_images")
    with Browser([HOST]) as browser:
        browser.open(tracker.url("page"))
        wait_until(lambda: (len(tracker.asked) > 1 or None, str(tracker.asked)), "a page's picture", timeout=30)
        tracker.asked.clear()
        set_token(browser, airflow, airflow.token())
        browser.open(f"{airflow.url}/dags/with_images")
        wait_until(lambda: (browser.run(f"return !!{OPEN_DOCS}") or None, browser.text[-500:]), "the page", timeout=60)
        browser.run(f"{OPEN_DOCS}.click()")
        wait_until(lambda: ("look here" in browser.text or None, browser.text[-500:]), "the docs", timeout=60)
        shown = browser.text
        pictures = browser.run("return [...document.images].map(each => each.src)")
    assert f"<img src={picture}>" in shown
    assert tracker.asked == []
    assert not [each for each in pictures if HOST in each]
    (config_store / "with_images.json").unlink()
