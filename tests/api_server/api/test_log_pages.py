from __future__ import annotations

import asyncio
import json
import tracemalloc
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from hypothesis import given
from hypothesis import strategies as st

from dag_factory.api_server.api.log_pages import PAGE_CHARACTERS, Pager, lines, page_of, readable
from dag_factory.api_server.api.rest import AirflowApi, Caller

# Airflow imports the test client of an HTTP library that is about to be replaced.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")


def pages(log: list[str], size: int) -> list[str]:
    total = 1
    found: list[str] = []
    while len(found) < total:
        pager = Pager(len(found), size)
        for line in log:
            pager.add(line)
        found.append(pager.text)
        total = pager.total
    return found


@given(st.lists(st.text(st.characters(exclude_characters="\n"), max_size=30)), st.integers(1, 100))
def test_the_pages_of_a_log_put_together_are_the_log(log: list[str], size: int) -> None:
    found = pages(log, size)
    assert "".join(found) == "\n".join(log)
    assert all(page.endswith("\n") for page in found[:-1])


@given(st.lists(st.text("ab", max_size=9)), st.lists(st.text("ab", max_size=9)), st.integers(10, 50))
def test_full_pages_stay_as_they_are_while_the_log_grows(log: list[str], more: list[str], size: int) -> None:
    before = pages(log, size)
    assert pages([*log, *more], size)[: len(before) - 1] == before[:-1]


def test_a_page_is_no_larger_than_it_may_be() -> None:
    assert [len(page) for page in pages(["x" * 99] * 100, 1000)] == [1000] * 9 + [999]


def split(pieces: list[bytes], longest: int = 100) -> list[bytes]:
    async def stream() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    async def read() -> list[bytes]:
        return [line async for line in lines(stream(), longest)]

    return asyncio.run(read())


@given(st.lists(st.binary(max_size=12)))
def test_lines_are_the_same_wherever_a_stream_is_cut(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    assert split(pieces) == [line[:100] for line in whole.removesuffix(b"\n").split(b"\n")] if whole else True


def test_a_line_without_end_is_cut_and_not_kept() -> None:
    assert split([b"x" * 70, b"x" * 70, b"x\nnext\n"]) == [b"x" * 100, b"next"]


def entry(**fields: object) -> bytes:
    return json.dumps(fields).encode()


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (entry(timestamp="2026-01-01T00:00:00Z", level="info", event="Hello"), "[2026-01-01T00:00:00Z] INFO - Hello"),
        (entry(timestamp=None, event="/logs/attempt=1.log"), "/logs/attempt=1.log"),
        (entry(event="::group::Sources"), "Sources"),
        (entry(event="::endgroup::"), None),
        (entry(event="two\nlines"), "two\nlines"),
        (b"no json", "no json"),
        (b"[1]", "[1]"),
        (b"\xff", "�"),
        (entry(event="\x1b[32mgreen\x1b[0m"), "green"),
        (b"\x1b[32mno json", "no json"),
    ],
)
def test_an_entry_becomes_what_a_person_reads(line: bytes, text: str | None) -> None:
    assert readable(line) == text


def test_a_traceback_is_shown_with_its_frames() -> None:
    frames = [{"filename": "a.py", "lineno": 3, "name": "run"}]
    error = {"exc_type": "ValueError", "exc_value": "no", "frames": frames}
    assert readable(entry(event="failed", error_detail=[error])) == "failed\n  File a.py:3 in run\n  ValueError: no"


class LargeLog:
    """Airflow's log API with one log, which is made while it is read."""

    def __init__(self, megabytes: int) -> None:
        self.entries = megabytes * 100
        self.app = FastAPI()
        self.app.get("/api/v2/log")(self.log)

    def log(self) -> StreamingResponse:
        return StreamingResponse(
            (json.dumps({"event": f"{n:9} {'x' * 10_000}"}) + "\n" for n in range(self.entries)),
            media_type="application/x-ndjson",
        )

    def read(self, page: int) -> tuple[Pager, int]:
        """Return a page, and the most bytes that were held while it was read."""
        caller = Caller(AirflowApi(lambda: self.app), "token")
        tracemalloc.start()
        try:
            pager = asyncio.run(page_of(caller, "/log", page))
            return pager, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


@pytest.mark.slow
def test_a_log_of_any_size_is_read_in_the_memory_of_a_few_pages() -> None:
    LargeLog(1).read(0)  # what is imported at the first time stays
    small, of_small = LargeLog(3).read(1)
    large, of_large = LargeLog(60).read(1)
    assert large.text == small.text
    assert large.total > 55
    assert of_small < 8 * PAGE_CHARACTERS
    assert of_large < 8 * PAGE_CHARACTERS
