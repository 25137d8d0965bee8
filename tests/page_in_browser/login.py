"""A browser's login to Airflow, without its form."""

from __future__ import annotations

from sandbox.browser import Browser
from sandbox.stack import AirflowStack


def set_token(browser: Browser, airflow: AirflowStack, token: str) -> None:
    """Log a browser in to an Airflow by a token, or out by an empty one, and clear its localStorage."""
    # A cookie is set from a page of its site, and this is the smallest one: the form's takes a second of a core.
    browser.open(f"{airflow.url}/api/v2/version")
    browser.add_cookie("_token", token)
    browser.run("localStorage.clear()")
