"""What this machine knows of pipelines, which the page waits for only a short while."""

from __future__ import annotations

import asyncio
import threading

import pytest

from dag_factory.api_server.page.known_here import Known, known_in_time


def test_a_store_that_does_not_answer_holds_neither_the_page_nor_more_than_one_thread(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answers = threading.Event()
    asked: list[str] = []

    def hang(dag_ids: object) -> dict[str, Known]:
        asked.append(str(dag_ids))
        answers.wait()
        return {}

    async def look() -> list[dict[str, Known]]:
        return [await known_in_time(["a"], look=hang, seconds=0.05) for _ in range(3)]

    try:
        assert asyncio.run(look()) == [{}, {}, {}]
        assert len(asked) == 1
    finally:
        answers.set()
    assert "Does the store answer?" in caplog.text
    assert asyncio.run(known_in_time(["a"], look=lambda _: {"a": Known("a.yaml")})) == {"a": Known("a.yaml")}
