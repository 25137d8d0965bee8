"""The last requests to the API, for people and tests to look at."""

import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

KEPT_REQUESTS = 1000


@dataclass(frozen=True)
class Request:
    """A request and how it was answered: its path, but no query, header or body, which may hold secrets."""

    time: float
    method: str
    path: str
    status: int
    milliseconds: float


class Journal:
    """The last requests, oldest first, and the paths below /api that no route serves."""

    def __init__(self) -> None:
        self.requests: deque[Request] = deque(maxlen=KEPT_REQUESTS)
        self.unserved: set[str] = set()

    def note_unserved(self, method: str, path: str) -> None:
        """Remember a request that no route serves, each kind once."""
        if len(self.unserved) < KEPT_REQUESTS:
            self.unserved.add(f"{method} {path}")

    def dump(self) -> list[dict[str, Any]]:
        """Return the requests as JSON can hold them."""
        return [asdict(request) for request in self.requests]


class Recorder:
    """
    ASGI middleware that enters each request into a journal, and routes it by its encoded path.

    Starlette would decode the path first, and a name with an encoded slash would become two parts of it.
    """

    def __init__(self, app: ASGIApp, journal: Journal) -> None:
        self.app = app
        self.journal = journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The page's own requests are left out.
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self.app(scope, receive, send)
            return
        start = time.time()
        path = scope["raw_path"].decode("ascii")
        status = 500

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app({**scope, "path": path}, receive, note_status)
        finally:
            took = round((time.time() - start) * 1000, 1)
            self.journal.requests.append(Request(start, scope["method"], unquote(path), status, took))
