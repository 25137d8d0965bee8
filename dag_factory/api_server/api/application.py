"""What all calls of the app share, one of each for an app."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from dag_factory.api_server.api.automations import Automations
from dag_factory.api_server.api.identity import Logins
from dag_factory.api_server.api.ingestion_version import IngestionVersion
from dag_factory.api_server.api.rest import Caller
from dag_factory.api_server.api.store_access import StoreAccess
from dag_factory.api_server.watch.parse_requests import RestRequests
from dag_factory.api_server.watch.parses import Parses
from dag_factory.errors import MissingStoreError
from dag_factory.store import ConfigStore

Result = TypeVar("Result")


@dataclass(frozen=True)
class Application:
    """
    The parts of the app that calls share.

    :param parse_seconds: how long a call waits until Airflow knows a pipeline that is in the store
    :param delete_seconds: how long a deletion waits until Airflow has seen that a config is removed
    """

    store: StoreAccess
    logins: Logins
    parses: Parses
    parse_requests: RestRequests
    automations: Automations
    parse_seconds: float = 60.0
    delete_seconds: float = 20.0
    ingestion_version: IngestionVersion = field(default_factory=IngestionVersion)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    # By DAG id: the `Toggle` that waits until Airflow knows the DAG, to pause or unpause it.
    toggles: dict[str, object] = field(default_factory=dict)

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Run some work after the answer."""
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def ask_for_parse(self, caller: Caller, dag_id: str, *, even_if_seen: bool = False) -> None:
        """Ask for a parse after a change of a pipeline, with a caller's permissions; see `Parses.ask`."""
        self.parses.ask(partial(self.parse_requests.send, caller), {dag_id}, even_if_seen=even_if_seen)

    def ask_if_unseen(self, caller: Caller, dag_id: str) -> None:
        """Ask for a parse that sees a pipeline as it is, unless one has; see `Parses.ask_if_unseen`."""
        self.parses.ask_if_unseen(partial(self.parse_requests.send, caller), {dag_id})

    async def change(self, caller: Caller, dag_id: str, work: Callable[[ConfigStore], Result]) -> Result:
        """
        Change a pipeline's config in the store, and return what the work returns.

        A parse is requested unless one has seen the stored config, even if the work fails or changes nothing: this
        call, or one that died, may have changed the config. If the store is missing, none is requested.
        """
        is_there = True
        try:
            return await self.store.change(work)
        except MissingStoreError:
            is_there = False
            raise
        finally:
            if is_there:
                self.ask_if_unseen(caller, dag_id)

    async def stop(self) -> None:
        """End what runs in the background."""
        await self.parses.stop()
        await asyncio.to_thread(self.automations.stop)
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
