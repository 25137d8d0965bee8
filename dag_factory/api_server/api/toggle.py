"""Pausing and unpausing the DAG of a pipeline whose redeploy has disabled or enabled it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging

from dag_factory.api_server.api.answers import Refused
from dag_factory.api_server.api.application import Application
from dag_factory.api_server.api.pipeline_lookup import find_dag, wait_for_dag
from dag_factory.api_server.api.rest import Caller, dag_path
from dag_factory.errors import DagFactoryError

log = logging.getLogger(__name__)

# Shorter than other writers wait for the store's lock, which is held meanwhile.
SECONDS = 10.0


class Toggle:
    """
    Pauses or unpauses a DAG before its config is stored. If the DAG is still unknown to Airflow, it waits for it.

    Before: if a deploy dies in between, the stored config is still the former one, so that the repeated deploy finds
    the difference and completes it. Under the store's lock: of two deploys at once, maybe in two processes, the last
    one decides.

    Airflow creates a new DAG paused or not as its config says. But a parse under way may have read the former config,
    so the DAG is set once it exists, unless the pipeline was enabled or disabled again since.

    Made in the event loop, called in the thread that changes the store.
    """

    def __init__(self, application: Application, caller: Caller) -> None:
        self._application = application
        self._caller = caller
        self._loop = asyncio.get_running_loop()
        self._awaited: tuple[str, bool] | None = None

    def __call__(self, dag_id: str, paused: bool) -> None:
        """
        Pause or unpause a DAG.

        :raises Refused: where the caller lacks the permission, or Airflow does not answer
        """
        task = asyncio.run_coroutine_threadsafe(self._set(dag_id, paused), self._loop)
        try:
            is_known = task.result(SECONDS)
        except concurrent.futures.TimeoutError:
            task.cancel()
            raise Refused(
                503,
                f"Airflow has not {'paused' if paused else 'unpaused'} the DAG '{dag_id}' within {SECONDS:.0f} s. The "
                "config is as it was before. Retry.",
            ) from None
        self._awaited = None if is_known else (dag_id, paused)

    def follow(self) -> None:
        """After the answer, wait for a DAG that Airflow did not know yet, and pause or unpause it."""
        if self._awaited is not None:
            dag_id, paused = self._awaited
            self._application.toggles[dag_id] = self
            self._application.later(self._set_when_known(dag_id, paused))

    async def _set(self, dag_id: str, paused: bool) -> bool:
        """Pause or unpause the DAG; return whether Airflow knows it."""
        dag = await find_dag(self._caller, dag_id)
        # An earlier deploy that still waits is outdated.
        self._application.toggles.pop(dag_id, None)
        if dag is None:
            return False
        if dag["is_paused"] != paused:
            await self._caller.ask("PATCH", dag_path(dag_id), json={"is_paused": paused})
        return True

    async def _set_when_known(self, dag_id: str, paused: bool) -> None:
        try:
            await wait_for_dag(self._application, self._caller, dag_id)
            if self._application.toggles.get(dag_id) is self:
                await self._set(dag_id, paused)
        except (Refused, DagFactoryError) as error:
            log.warning("DAG '%s' may not be %s: %s", dag_id, "paused" if paused else "unpaused", error)
        finally:
            if self._application.toggles.get(dag_id) is self:
                del self._application.toggles[dag_id]
