"""Pausing and unpausing the DAG of a pipeline that is deployed anew, switched on or off."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging

from dag_factory.api.answers import Refused
from dag_factory.api.context import Context, find_dag
from dag_factory.api.rest import Caller, dag_path

log = logging.getLogger(__name__)

# Less than others wait for the store's lock, which is held meanwhile.
SECONDS = 10.0


class Toggle:
    """
    Pauses or unpauses a DAG before its config is stored, and once more when Airflow knows it if it didn't then.

    Before it is stored, so that a deploy that dies in between completes when it is repeated: the stored config is still
    the former one, from which the document differs. Done afterwards, the repeated deploy would find nothing to change.
    While the store is locked, so that two deploys at once, maybe in two processes, leave the DAG as the last one says.

    A DAG that Airflow does not know yet is made as its config says. But a parse that is under way may have read the
    former config, so the DAG is set when it is there, unless somebody has switched the pipeline on or off since.

    Made in the event loop, called in the thread that changes the store.
    """

    def __init__(self, context: Context, caller: Caller) -> None:
        self._context = context
        self._caller = caller
        self._loop = asyncio.get_running_loop()
        self._awaited: tuple[str, bool] | None = None

    def __call__(self, dag_id: str, paused: bool) -> None:
        """
        Pause or unpause a DAG.

        :raises Refused: where Airflow does not let the caller, or does not answer
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
        """See to it, after the answer, that a DAG which Airflow did not know yet becomes as the config says."""
        if self._awaited is not None:
            dag_id, paused = self._awaited
            self._context.toggles[dag_id] = self
            self._context.later(self._set_when_known(dag_id, paused))

    async def _set(self, dag_id: str, paused: bool) -> bool:
        """Return whether Airflow knows the DAG, which then is paused or not."""
        dag = await find_dag(self._caller, dag_id)
        # Whatever an earlier deploy waits for has been overtaken.
        self._context.toggles.pop(dag_id, None)
        if dag is None:
            return False
        if dag["is_paused"] != paused:
            await self._caller.ask("PATCH", dag_path(dag_id), json={"is_paused": paused})
        return True

    async def _set_when_known(self, dag_id: str, paused: bool) -> None:
        try:
            await self._context.dag(self._caller, dag_id)
            if self._context.toggles.get(dag_id) is self:
                await self._set(dag_id, paused)
        except Refused as refusal:
            log.warning("DAG '%s' may not be %s: %s", dag_id, "paused" if paused else "unpaused", refusal)
        finally:
            if self._context.toggles.get(dag_id) is self:
                del self._context.toggles[dag_id]
