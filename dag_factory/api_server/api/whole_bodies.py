"""Reads bodies to their end, within limits of time and size, so that the sender can read the answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from dag_factory.api_server.api.answers import Refused

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# A pipeline's document has about 10 KB and arrives in one piece.
SECONDS = 30.0
SMALL = 64 * 1024
LARGE_AT_ONCE = 16
MOST_DISCARDED = 64 * 1024 * 1024


class WholeBodies:
    """
    Reads each body to its end, even if the call has no use for all of it.

    A web server that closes a connection before it has read the whole body, as a client may ask it to, resets the
    connection. The client, which is still sending, then loses the answer. So the rest of a body is read and discarded
    before the answer is sent. If it is too large, or takes too long, the connection is closed. A client that asks
    before it sends (``Expect: 100-continue``) is answered at once.

    A body that is not complete in time is answered 408. Only a few large bodies are in memory at the same time; the
    others wait within their time, and are then answered 503. Small bodies never wait.

    Slow headers are left to the web server.

    :param seconds: how long a body may take, from the end of its headers
    :param large_at_once: how many calls with a large body go on at the same time
    :param most_discarded: bytes of a body that are read and discarded
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        seconds: float = SECONDS,
        large_at_once: int = LARGE_AT_ONCE,
        most_discarded: int = MOST_DISCARDED,
    ) -> None:
        self._app = app
        self._seconds = seconds
        self._large = asyncio.Semaphore(large_at_once)
        self._most_discarded = most_discarded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        if "transfer-encoding" not in headers and headers.get("content-length", "0") == "0":
            await self._app(scope, receive, send)
            return
        asks_first = headers.get("expect", "").lower() == "100-continue"
        body = _Body(receive, self._seconds, self._large, asks_first=asks_first)

        async def answering(message: Message) -> None:
            if message["type"] == "http.response.start" and not await body.discard(self._most_discarded):
                message = {**message, "headers": [*message.get("headers", []), (b"connection", b"close")]}
            await send(message)

        try:
            await self._app(scope, body.receive, answering)
        finally:
            body.release()


class _Body:
    def __init__(self, receive: Receive, seconds: float, large: asyncio.Semaphore, *, asks_first: bool) -> None:
        self._receive = receive
        self._deadline = asyncio.get_running_loop().time() + seconds
        self._seconds = seconds
        self._large = large
        self._holds = False
        self._size = 0
        self._ended = False
        # A client that asks first sends nothing until we start to read.
        self._to_come = not asks_first

    async def receive(self) -> Message:
        """
        Return the next piece, for the call.

        :raises Refused: 408 where it does not come in time, 503 where too many large ones are in memory
        """
        message = await self._next()
        if self._size > SMALL and not self._holds:
            try:
                await asyncio.wait_for(self._large.acquire(), self._left())
            except asyncio.TimeoutError:
                raise Refused(503, "Too many large bodies are being read. Retry later.", 5) from None
            self._holds = True
        return message

    async def discard(self, most: int) -> bool:
        """Read and discard at most ``most`` bytes of the rest; return whether the body has ended by then, in time."""
        most += self._size
        try:
            while not self._ended and self._to_come and self._size <= most:
                await self._next()
        except Refused:
            return False
        return self._ended

    def release(self) -> None:
        """Make room for the next large body."""
        if self._holds:
            self._large.release()

    async def _next(self) -> Message:
        if self._ended:
            return await self._receive()
        self._to_come = True
        try:
            message = await asyncio.wait_for(self._receive(), self._left())
        except asyncio.TimeoutError:
            self._to_come = False
            raise Refused(
                408, f"The body was not complete within {self._seconds:.0f} s. Send it again, faster."
            ) from None
        self._size += len(message.get("body", b""))
        self._ended = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    def _left(self) -> float:
        return max(0.0, self._deadline - asyncio.get_running_loop().time())
