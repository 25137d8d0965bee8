"""A later parse of each change, also where one of the requests can't be made."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import pytest

from dag_factory.api_server.watch.later_parses import LaterParses
from dag_factory.api_server.watch.loader_files import DagIds
from dag_factory.api_server.watch.wanted_parse import ParseRequest
from dag_factory.store.shards import Shard


async def request(dag_ids: DagIds, without: Collection[Shard] = ()) -> None:
    """Stand for a request; what asks for a later parse only hands it on."""


def test_one_that_can_not_be_asked_for_keeps_no_later_one_from_being_asked_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked: list[DagIds] = []

    async def ask(_: ParseRequest, dag_ids: DagIds) -> None:
        asked.append(dag_ids)
        if len(asked) == 1:
            raise RuntimeError("canary-31bd")

    async def story() -> None:
        later = LaterParses(ask, (0.01, 0.02))
        later.note(request, {"orders"})
        assert later.dag_ids == frozenset({"orders"})
        while later.dag_ids:
            await asyncio.sleep(0.01)
        await later.stop()

    asyncio.run(asyncio.wait_for(story(), 60))
    assert asked == [{"orders"}, {"orders"}]
    assert "Can't ask Airflow for a later parse of the loader: RuntimeError" in caplog.text
    assert "canary" not in caplog.text
