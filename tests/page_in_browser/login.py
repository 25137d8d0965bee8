"""A browser's login to Airflow, without its form."""

from __future__ import annotations

from sandbox.browser import Browser
from sandbox.stack import AirflowStack


def log_in(browser: Browser, airflow: AirflowStack, token: str) -> None:
    """Let a browser be logged in with a token of an Airflow, or be logged out where it is empty; forget its choices."""
    # A cookie is set from a page of its site, and this is the smallest one: the form's takes a second of a core.
    browser.open(f"{airflow.url}/api/v2/version")
    browser.add_cookie("_token", token)
    browser.run("localStorage.clear()")
