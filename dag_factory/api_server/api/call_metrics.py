"""Counts the calls that get an error, by call and reason."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import TYPE_CHECKING

from dag_factory.reporting import metrics

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_REASONS = {
    400: "invalid",
    401: "unauthenticated",
    403: "forbidden",
    404: "unknown",
    409: "conflict",
    413: "too_large",
    415: "unsupported",
    429: "too_many",
    501: "unsupported",
    503: "unavailable",
}
_FIRST_ERROR = 400


class ErrorCounter:
    """
    Middleware that counts errors, whatever has answered with them.

    :param calls: the names of our calls. A path is any caller's text, and each new value would be a new series
    """

    def __init__(self, app: ASGIApp, calls: Collection[str]) -> None:
        self._app = app
        self._calls = calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= _FIRST_ERROR:
                count(metrics.REFUSALS.of(1, call=self._call_of(scope["path"]), reason=reason_of(message["status"])))
            await send(message)

        await self._app(scope, receive, watched if scope["type"] == "http" else send)

    def _call_of(self, path: str) -> str:
        name = path.rstrip("/").rpartition("/")[2]
        return name if name in self._calls else "other"


def count(sample: metrics.Sample) -> None:
    """Send a sample in a thread: the first one of a process looks up an address, for which no call is to wait."""
    asyncio.get_running_loop().run_in_executor(None, metrics.send, [sample])


def reason_of(status: int) -> str:
    """Return the reason that an error's status stands for."""
    return _REASONS.get(status, "error")
