"""A task's log as Airflow's API streams it, cut into pages of lines for people."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from dag_factory.api_server.api.rest import Caller
from dag_factory.portable.plain_text import without_terminal_codes

PAGE_CHARACTERS = 1_000_000
LONGEST_LINE = 256 * 1024


async def page_of(caller: Caller, path: str, number: int) -> Pager:
    """Read the log at a path of ``/api/v2`` and return one of its pages. No more than a page is kept in memory."""
    pager = Pager(number)
    async with caller.stream(path, "application/x-ndjson", params={"full_content": "true"}) as answer:
        async for line in lines(answer.aiter_bytes()):
            if (text := readable(line)) is not None:
                pager.add(text)
    return pager


class Pager:
    """
    Cuts lines into pages and keeps one of them: where a log grows, its earlier pages stay as they were.

    :param wanted: number of the page that is kept, from 0
    """

    def __init__(self, wanted: int, size: int = PAGE_CHARACTERS) -> None:
        self._wanted = wanted
        self._size = size
        self._page = 0
        self._filled = 0
        self._kept: list[str] = []

    def add(self, line: str) -> None:
        """Take the next line."""
        if self._filled and self._filled + len(line) + 1 > self._size:
            self._page += 1
            self._filled = 0
        self._filled += len(line) + 1
        if self._page == self._wanted:
            self._kept.append(line)

    @property
    def text(self) -> str:
        """The page that is kept; all pages joined are the log."""
        text = "\n".join(self._kept)
        return f"{text}\n" if self._page > self._wanted else text

    @property
    def total(self) -> int:
        """The number of pages, at least one."""
        return self._page + 1


async def lines(pieces: AsyncIterator[bytes], longest: int = LONGEST_LINE) -> AsyncIterator[bytes]:
    """Yield the lines of a stream without their ends; only the beginning of one that is too long."""
    line = b""
    async for piece in pieces:
        *ended, rest = piece.split(b"\n")
        for end in ended:
            yield (line + end)[:longest]
            line = b""
        line = (line + rest)[:longest]
    if line:
        yield line


def readable(line: bytes) -> str | None:
    """Return an entry of Airflow's log, a JSON object, as lines for people; None where it has none."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        entry = None
    if not isinstance(entry, dict):
        return without_terminal_codes(line.decode(errors="replace"))
    event = str(entry.get("event", ""))
    if event == "::endgroup::":
        return None
    # Logs of older runs have these codes, and so does the output of a task's programs.
    event = without_terminal_codes(event.removeprefix("::group::"))
    head = [str(entry[name]) for name in ("timestamp", "level") if entry.get(name)]
    text = [" ".join([f"[{head[0]}]", *(part.upper() for part in head[1:]), "-", event]) if head else event]
    for error in entry.get("error_detail") or []:
        text += [
            f"  File {frame['filename']}:{frame['lineno']} in {frame['name']}" for frame in error.get("frames") or []
        ]
        text.append(f"  {error.get('exc_type')}: {error.get('exc_value')}")
    return "\n".join(text)
