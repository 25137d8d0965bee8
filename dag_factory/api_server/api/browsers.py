"""Keeps pages of other sites from calling us through a user's browser, with the user's credentials."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from dag_factory.api_server.api.answers import refusal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

DOCS = "/docs"

JSON = "application/json"
_WITHOUT_BODY = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})
_PORTS = {"http": 80, "https": 443}

# A browser may not guess another type from a body, store an answer, or show it in a frame of another site.
_TO_BROWSERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"x-frame-options", b"DENY"),
]

_FOREIGN = (
    "The request comes from a page of another site, as its header 'Sec-Fetch-Site' or 'Origin' says. Call this API "
    "from a program. If the page is one of this Airflow, set [api] base_url to the address that browsers have for it."
)
NO_JSON = f"The body must be JSON. Send it with the header 'Content-Type: {JSON}'."


class BrowserGuard(ABC):
    """
    Stands before an app: refuses requests, and gives all answers, refusals too, headers that browsers go by.

    :param own: addresses of this Airflow besides the one that a request names as its host, such as [api] base_url
    """

    answer_headers: Sequence[tuple[bytes, bytes]] = ()
    """Headers of every answer, unless it has the same header itself."""

    def __init__(self, app: ASGIApp, own: Collection[str] = ()) -> None:
        self._app = app
        self.own = own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", []))
                named = {name.lower() for name, _ in headers}
                message = {
                    **message,
                    "headers": [*headers, *(each for each in self.answer_headers if each[0] not in named)],
                }
            await send(message)

        app = self.refusal_of(scope, Headers(scope=scope)) or self._app
        await app(scope, receive, protected)

    @abstractmethod
    def refusal_of(self, scope: Scope, headers: Headers) -> ASGIApp | None:
        """Return what answers a request that the app must not have, None where the app may have it."""


class OwnPagesOnly(BrowserGuard):
    """
    Refuses requests that another site may have made a browser send, before the credentials are checked.

    A browser that has a username and password for this host sends them whichever page makes the request. So there are
    three independent defences:

    - A request whose headers say that it comes from another origin is refused (403). Programs send no such headers.
    - A body must be ``application/json`` (else 415). A form can't send that, and a script of another site only after
      the browser has asked whether it may (CORS), which is never answered here.
    - No answer makes a browser ask for a username and password (see `refusal`), so it has none to send.
    """

    answer_headers = _TO_BROWSERS

    def refusal_of(self, scope: Scope, headers: Headers) -> ASGIApp | None:
        if is_foreign(headers, self.own) and not is_followed_link(scope, headers, (DOCS,)):
            return refusal(403, _FOREIGN)
        if scope["method"] not in _WITHOUT_BODY and not is_json(headers):
            return refusal(415, NO_JSON)
        return None


def is_foreign(headers: Headers, own: Collection[str] = ()) -> bool:
    """
    Return whether a request says that a page of another origin has sent it.

    ``Sec-Fetch-Site`` takes precedence: the browser sets it, and a proxy may have changed the host. Browsers send it
    only over HTTPS and to this machine; elsewhere they send ``Origin`` with all but plain GETs. Another port or a
    sibling domain (``same-site``) is another origin. A request with neither header does not come from a page.

    :param own: URLs of this Airflow besides the one of the request's host
    """
    if sites := headers.getlist("sec-fetch-site"):
        return any(site.strip().lower() not in ("same-origin", "none") for site in sites)
    return any(not _is_own(origin, headers.getlist("host"), own) for origin in headers.getlist("origin"))


def is_json(headers: Headers) -> bool:
    """Return whether a request says, once, that its body is JSON; parameters such as a charset change nothing."""
    kinds = [kind.partition(";")[0].strip().lower() for kind in headers.getlist("content-type")]
    return kinds == [JSON]


def is_followed_link(scope: Scope, headers: Headers, pages: Collection[str]) -> bool:
    """
    Return whether a user has followed a link to a page, which by itself does nothing.

    :param pages: the paths of such pages, below the app's own
    """
    within = scope["path"].removeprefix(scope.get("root_path", ""))
    way = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest"))
    return scope["method"] == "GET" and within in pages and way == ("navigate", "document")


def _is_own(origin: str, hosts: Collection[str], own: Collection[str]) -> bool:
    # A proxy that ends TLS hides the scheme from us, so it is not compared.
    scheme = origin.partition("://")[0].lower()
    if scheme not in _PORTS:
        return False  # "null": a page that hides its origin
    urls = [f"{scheme}://{host}" for host in hosts] + [url for url in own if url]
    address = _address(origin)
    return address is not None and address in [_address(url) for url in urls]


def _address(url: str) -> tuple[str, int] | None:
    try:
        parts = urlsplit(url)
        return (parts.hostname, parts.port or _PORTS.get(parts.scheme, 0)) if parts.hostname else None
    except ValueError:
        return None
