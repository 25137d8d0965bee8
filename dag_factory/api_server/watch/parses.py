"""Asks Airflow to parse the loader after a change, until a parse has seen the change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from typing import Any

from dag_factory.api_server.watch.later_parses import LaterParses
from dag_factory.api_server.watch.loader_files import DagIds, LoaderFiles
from dag_factory.api_server.watch.not_taken import NotTaken
from dag_factory.api_server.watch.parse_requests import missing_dags
from dag_factory.api_server.watch.seen_markers import SETTLING_SECONDS, SeenMarkers
from dag_factory.api_server.watch.threads import in_thread
from dag_factory.api_server.watch.wanted_parse import ParseRequest, WantedParse, union
from dag_factory.dag.later_seconds import configured_later_seconds
from dag_factory.errors import DagFactoryError, StoreError
from dag_factory.store import ConfigStore
from dag_factory.store.changed_ids import ChangedIds

log = logging.getLogger(__name__)

# How long to wait for a parse after each request. Airflow drops one that comes while the loader is being parsed, and
# that parse may have read the store before the change: so the request is repeated.
RETRY_SECONDS = (3, 5, 10, 20)
# How long changes are gathered before it is found out what else they concern: the store has to be listed for that.
GATHER_SECONDS = 2.0
LOOK_SECONDS = 15.0


class Parses:
    """
    Asks for parses of the loader until one has seen the store's marker. Any number of changes meanwhile is one request.

    A parse notes in the store which marker it has seen. These are the states::

        idle ────── a change is wanted ─────▶ looking
        looking ─── the marker is seen ─────▶ idle, or looking where another change is wanted by now
        looking ─── not seen yet, or `even_if_seen` is set ─▶ a request is sent ──▶ waiting
        waiting ─── a parse has noted an older marker ──────▶ looking, with the first retry interval
        waiting ─── the retry interval is over ─────────────▶ looking, with the next interval
        looking ─── no interval is left, no marker can be made (one request is sent), or the request failed ──▶
                    a line is logged, then as after "the marker is seen"

    Where the loader is divided into shards, "seen" means by the shards that the change concerns, and "the marker" is
    the one that the store had when the change was looked at first: later ones may be about other shards. Only shards
    that have not seen it are requested, and while others see it one after the other, nothing is requested: Airflow puts
    a request before all that waits for its first parse. Of an unknown change, it is first found out which DAG ids it
    concerns. Where a caller makes a change, the pipeline's id is known, so its parse is requested at once;
    `_ask_for_the_rest` gathers such changes, finds out which other DAG ids they concern, and requests those.

    No change is lost on the way: `_want` records it before it looks whether the task runs, and the task ends only once
    nothing is recorded; between its last look and its end, nothing else runs. Requests don't loop: after the last
    interval they end, and only a parse that notes another marker starts the intervals again.

    A look may find a file before the watcher has made its marker; when the watcher then asks, a look finds nothing new.
    So a new marker, which no earlier load has seen, is made after each look that has found changes of others. What this
    leaves: a file that is changed by hand within some seconds of its own deploy may wait for its shard's next parse.

    Airflow takes some changes only from a later parse. So at some times after each change, see `LaterParses`, a new
    marker is made and a parse is wanted that sees it, of what Airflow may still not have, see `NotTaken`.

    :param store: opens the config store
    :param files: knows which shards a change concerns; without it, the loader is one file
    :param changed: returns the DAG ids that have changed since it was called last, None where that is unknown
    :param later_seconds: the times after a change, ascending
    :param missing: returns which of some DAG ids Airflow has no DAG for
    :param retry_seconds: how long to wait for a parse after each request
    :param settling_seconds: how long a look at the store's marker waits for one of another thread
    :param gather_seconds: how long changes are gathered before it is found out what else they concern
    :param look_seconds: how long that may take, after that it is unknown; and how long a new marker may take
    """

    def __init__(  # noqa: PLR0913 - all by name, each with a default
        self,
        store: Callable[[], ConfigStore],
        files: LoaderFiles | None = None,
        *,
        changed: Callable[[], DagIds] = lambda: None,
        later_seconds: Sequence[float] = (),
        missing: Callable[[Collection[str]], Collection[str]] = lambda dag_ids: (),
        retry_seconds: Sequence[float] = RETRY_SECONDS,
        settling_seconds: float = SETTLING_SECONDS,
        gather_seconds: float = GATHER_SECONDS,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._store = store
        self._seen = SeenMarkers(store, files, settling_seconds)
        self._changed = changed
        self._not_taken = NotTaken(store, self._seen.shards, missing)
        self._retry_seconds = retry_seconds
        self._gather_seconds = gather_seconds
        self._look_seconds = look_seconds
        # The next request, if one is wanted.
        self._wanted: WantedParse | None = None
        # The DAG ids of the callers' own changes, since it was last found out what else those concern.
        self._own: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._later = LaterParses(self._ask_again, later_seconds)
        self._rest: asyncio.Task[None] | None = None
        # Whether a look was given up, and none has found anything since.
        self._is_given_up = False

    def ask_if_unseen(self, request: ParseRequest, dag_ids: DagIds = None) -> None:
        """
        Ask for a parse in the background, unless one has seen the change. Never fails, and never waits.

        For callers that find a change in the store for which no parse may have been requested yet.

        :param dag_ids: what it may concern
        """
        self._want(WantedParse.of(request, dag_ids))

    def ask(self, request: ParseRequest, dag_ids: DagIds = None, *, even_if_seen: bool = False) -> None:
        """
        Ask for a parse in the background, for a change of one's own. Never fails, and never waits.

        :param dag_ids: what it concerns, as far as that is known without a look at other configs
        :param even_if_seen: ask even if a parse has seen all markers, since a file may have come without one
        """
        self._want(WantedParse.of(request, dag_ids, is_change=True, even_if_seen=even_if_seen))
        if dag_ids is not None:
            self._later.note(request, frozenset(dag_ids))
            self._own.update(dag_ids)
            if self._rest is None or self._rest.done():
                self._rest = asyncio.create_task(self._ask_for_the_rest(request))

    async def wait_until_seen(self, limit_seconds: float, dag_ids: DagIds = None) -> bool:
        """
        Return whether a parse has started that sees a change in the store as it is now; wait for it up to a limit.

        :param dag_ids: what the change concerns
        """
        return await self._seen.wait(limit_seconds, dag_ids)

    async def stop(self) -> None:
        """End what runs in the background."""
        await self._later.stop()
        tasks = [task for task in (self._rest, self._task) if task is not None and not task.done()]
        for task in tasks:
            task.cancel()
        # One that has failed must not keep the rest of the application from ending.
        await asyncio.gather(*tasks, return_exceptions=True)

    def _want(self, wanted: WantedParse) -> None:
        self._wanted = wanted.with_earlier(self._wanted)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())

    async def _ask_again(self, request: ParseRequest, dag_ids: DagIds) -> None:
        dag_ids = await in_thread(self._not_taken.among, dag_ids)
        if dag_ids is not None and not dag_ids:
            return
        # A new marker shows when a parse has come.
        await self._mark()
        self._want(WantedParse.of(request, dag_ids, even_if_seen=True))

    async def _ask_for_the_rest(self, request: ParseRequest) -> None:
        # Again for those that came during the look.
        while self._own:
            await asyncio.sleep(self._gather_seconds)
            asked = set(self._own)
            found = await self._changed_ids()
            if await in_thread(self._seen.are_of_shards) and (found is None or found - self._own):
                others = None if found is None else found - self._own
                # Without a new marker, a shard that has noted the current one would not be requested.
                is_marked = await self._mark()
                self._want(WantedParse.of(request, others, even_if_seen=not is_marked))
                self._later.note(request, others)
            self._own -= asked

    async def _work(self) -> None:
        while self._wanted is not None:
            wanted, self._wanted = self._wanted, None
            try:
                await self._ask_until_seen(wanted)
            except Exception as error:  # noqa: BLE001 - a change is kept whether a parse can be asked for or not
                log.warning("Can't ask Airflow for a parse of the loader: %s", type(error).__name__)

    async def _ask_until_seen(self, wanted: WantedParse) -> None:
        dag_ids, even_if_seen = await self._concerned(wanted)
        intervals = iter(self._retry_seconds)
        was_seen = False
        try:
            marker, notes, unseen = await in_thread(self._seen.look, dag_ids)
            due = notes.keys() if even_if_seen else unseen
            while due or unseen:
                interval = next(intervals, None)
                if interval is None:
                    log.warning("No parse of the loader has been seen. Is Airflow's DAG processor running?")
                    return
                if due:
                    await wanted.request(dag_ids, notes.keys() - due)
                before = notes
                _, notes, unseen = await self._seen.look_for_another(before, interval, dag_ids, marker)
                due = unseen
                if notes != before:
                    intervals = iter(self._retry_seconds)
                    due = {shard for shard in unseen if notes[shard] != before.get(shard)}
            was_seen = True
        except StoreError as error:
            # Without a marker it can't be known when a parse has seen the change, but the request may still lead to
            # one.
            log.warning("%s", error)
            await wanted.request(dag_ids)
        finally:
            self._not_taken.note(dag_ids, is_seen=was_seen)

    async def _concerned(self, wanted: WantedParse) -> tuple[DagIds, bool]:
        """Return the DAG ids that a change concerns, None where these may be all, and whether to ask even if seen."""
        dag_ids: DagIds = wanted.dag_ids
        even_if_seen = wanted.even_if_seen
        if wanted.are_more:
            found = await self._changed_ids()
            if not await in_thread(self._seen.are_of_shards):
                found = None
            elif found or (found is None and wanted.is_change):
                even_if_seen |= not await self._mark()
            if wanted.is_change:
                self._later.note(wanted.request, found)
            # Without a marker this is a repeated request: it also needs the ids that wait for a later parse.
            is_again = wanted.even_if_seen and (not wanted.is_change or found == frozenset())
            dag_ids = union(dag_ids, union(found, self._later.dag_ids) if is_again else found)
        return dag_ids, even_if_seen

    async def _mark(self) -> bool:
        """Make a new marker, and return whether that was possible in time. Never fails."""
        mark = in_thread(lambda: self._store().bump())
        return await self._ends_in_time(mark) and mark.exception() is None

    async def _ends_in_time(self, work: asyncio.Future[Any]) -> bool:
        """Return whether some work in a thread ends in time: a network file system may hang."""
        done, _ = await asyncio.wait([work], timeout=self._look_seconds)
        if not done:
            # Where it still waits for a thread, nobody needs it any more.
            work.cancel()
        return bool(done)

    async def _changed_ids(self) -> frozenset[str] | None:
        """
        Return what has changed since this was asked last, None where that is unknown.

        Asked even while the loader is one file: once it is divided, only what is new by then is parsed.
        """
        look = in_thread(self._changed)
        if not await self._ends_in_time(look):
            # Where it has begun, it ends some time, and the next one finds only what is new since then.
            self._is_given_up = True
            return None
        if isinstance(look.exception(), DagFactoryError):
            return None
        found = look.result()
        if found is None:
            return None
        if self._is_given_up:
            self._is_given_up = False
            return None
        return frozenset(found)


def configured_parses(store: Callable[[], ConfigStore], files: LoaderFiles) -> Parses:
    """Return parses of an Airflow that is configured like this one."""
    return Parses(
        store, files, changed=ChangedIds(store), later_seconds=configured_later_seconds(), missing=missing_dags
    )
