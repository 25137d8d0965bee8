"""Asks for a parse once more some time after a change, since Airflow takes some changes only from a later parse."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from dag_factory.api_server.watch.loader_files import DagIds
from dag_factory.api_server.watch.wanted_parse import ParseRequest, union

log = logging.getLogger(__name__)

# Changes that come within this time are asked for together.
GATHER_SECONDS = 10.0


@dataclass
class _Batch:
    """
    Changes that are asked for together.

    :param dag_ids: what they concern, None where that is unknown
    :param began: when the first of them came, by the event loop's clock, in seconds
    :param last: when the last of them came
    """

    request: ParseRequest
    dag_ids: DagIds
    began: float
    last: float


class LaterParses:
    """
    Asks for a parse of each change once more, at some times after it.

    Every change has times of its own, whatever changes come after it: else a stream of changes would put off the later
    parses for ever, or each of them would be of all that the stream has changed so far.

    :param ask: asks for a parse
    :param seconds: the times after a change, ascending, see `dag_factory.dag.later_seconds`
    :param gather_seconds: for how long further changes join those that are asked for together
    """

    def __init__(
        self,
        ask: Callable[[ParseRequest, DagIds], Awaitable[None]],
        seconds: Sequence[float],
        gather_seconds: float = GATHER_SECONDS,
    ) -> None:
        self._ask = ask
        self._seconds = seconds
        self._gather_seconds = gather_seconds
        # The last one may still be joined.
        self._batches: list[_Batch] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def note(self, request: ParseRequest, dag_ids: DagIds) -> None:
        """
        Take note of a change.

        :param dag_ids: what it concerns, None where that is unknown
        """
        if not self._seconds or dag_ids == frozenset():
            return
        now = asyncio.get_running_loop().time()
        batch = self._batches[-1] if self._batches else None
        if batch is not None and now - batch.began < min(self._gather_seconds, self._seconds[0]):
            batch.request, batch.dag_ids, batch.last = request, union(batch.dag_ids, dag_ids), now
            return
        batch = _Batch(request, dag_ids, now, now)
        self._batches.append(batch)
        task = asyncio.create_task(self._ask_for(batch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def dag_ids(self) -> frozenset[str] | None:
        """What the changes concern for which a parse is still to be asked for, None where that is unknown."""
        found: frozenset[str] | None = frozenset()
        for batch in self._batches:
            found = union(found, batch.dag_ids)
        return found

    async def stop(self) -> None:
        """Ask no more."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask_for(self, batch: _Batch) -> None:
        clock = asyncio.get_running_loop().time
        try:
            for seconds in self._seconds:
                # Each change that joins moves the time.
                while (left := batch.last + seconds - clock()) > 0:
                    await asyncio.sleep(left)
                try:
                    await self._ask(batch.request, batch.dag_ids)
                except Exception as error:  # noqa: BLE001 - it may be possible at the next time
                    log.warning("Can't ask Airflow for a later parse of the loader: %s", type(error).__name__)
        finally:
            self._batches.remove(batch)
