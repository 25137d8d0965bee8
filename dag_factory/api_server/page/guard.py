"""Keeps pages of other sites from changing anything by a user's cookie, and from showing this page in a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dag_factory.api_server.api.answers import refusal
from dag_factory.api_server.api.browsers import NO_JSON, BrowserGuard, is_followed_link, is_foreign, is_json

if TYPE_CHECKING:
    from starlette.datastructures import Headers
    from starlette.types import ASGIApp, Scope

_READING = frozenset({"GET", "HEAD"})
_PAGES = ("", "/", "/pipeline")

_POLICY = "; ".join(
    [
        "default-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'self'",  # Airflow's UI shows the page in a frame
    ]
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"referrer-policy", b"same-origin"),
    (b"cache-control", b"no-store"),  # but for files, which say otherwise
]

_FOREIGN = (
    "The request comes from a page of another site, as its header 'Sec-Fetch-Site' or 'Origin' says. Open the page in "
    "Airflow's UI. If it is there, set [api] base_url to the address that browsers have for Airflow."
)
_UNSAID = "A change must say where it comes from. Send the header 'Origin', as browsers do, or a Bearer token."


class SameOriginOnly(BrowserGuard):
    """
    Refuses requests that another site may have made a browser send, before the user is looked up.

    Browsers send the cookie of Airflow's UI whichever page makes the request. So there are three independent defences:

    - A request whose headers say that it comes from another origin is refused (403), except for somebody who follows a
      link to the page, which by itself shows and does nothing.
    - A change by cookie must say that it comes from this origin: all browsers do. One that says nothing is refused.
    - A body must be ``application/json`` (else 415). A form can't send that, and a script of another site only after
      the browser has asked whether it may (CORS), which is never answered here.
    """

    answer_headers = _HEADERS

    def refusal_of(self, scope: Scope, headers: Headers) -> ASGIApp | None:
        if is_foreign(headers, self.own) and not is_followed_link(scope, headers, _PAGES):
            return refusal(403, _FOREIGN)
        if scope["method"] in _READING:
            return None
        if "authorization" not in headers and not ("origin" in headers or "sec-fetch-site" in headers):
            return refusal(403, _UNSAID)
        return None if is_json(headers) else refusal(415, NO_JSON)
