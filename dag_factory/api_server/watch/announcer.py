"""Announces changes by hand: makes a marker that covers them, then asks for a parse."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from dag_factory.api_server.watch.threads import in_thread
from dag_factory.errors import StoreError
from dag_factory.store.folder.folder_store import FolderStore

log = logging.getLogger(__name__)


class Announcer:
    """
    Makes one marker for some changes, and asks for a parse that sees it.

    Where no marker can be made, the changes stay due until `settle` can make one.

    :param ask: asks for a parse; its argument: whether to ask even if the store's marker shows no change
    :param again_seconds: after which a parse is requested again where no marker can be made
    """

    def __init__(self, store: FolderStore, ask: Callable[[bool], None], again_seconds: float) -> None:
        self._store = store
        self._ask = ask
        self._again_seconds = again_seconds
        self._again: asyncio.TimerHandle | None = None
        # Changes for which no marker could be made yet, None where no marker is due.
        self._due: dict[str, str | None] | None = None

    async def announce(self, changes: Mapping[str, str | None]) -> None:
        """
        Make a marker, also where nothing has changed. Never fails.

        :param changes: revision by key, None where the file is gone
        """
        try:
            await self._bump(changes)
        except StoreError as error:
            log.debug("%s", error)
            # No marker shows when a parse has seen the change, and Airflow drops requests during a parse.
            self._ask(True)
            self.stop()
            self._again = asyncio.get_running_loop().call_later(self._again_seconds, self._ask, True)
        else:
            self._ask(False)

    async def settle(self, *, writers_too: bool) -> None:
        """
        Make a marker that could not be made when it was due. Never fails.

        :param writers_too: also one that a writer has left undone. Its changes must have been listed by now: a change
            that is announced before gets no line in the log
        """
        try:
            if self._due is not None:
                await self._bump({})
            elif not writers_too or not await in_thread(self._store.settle):
                return
        except StoreError as error:
            log.debug("%s", error)
        else:
            self._ask(False)

    def stop(self) -> None:
        """Ask no more."""
        if self._again is not None:
            self._again.cancel()

    async def _bump(self, changes: Mapping[str, str | None]) -> None:
        self._due = {**(self._due or {}), **changes}
        await in_thread(self._store.bump, self._due)
        self._due = None
