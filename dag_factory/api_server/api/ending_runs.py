"""Ends runs of a DAG, with the caller's permissions."""

from __future__ import annotations

import asyncio

import httpx

from dag_factory.api_server.api.rest import Caller, dag_path, refused
from dag_factory.api_server.api.run_list import MOST_AT_ONCE, find_runs

ACTIVE = ("queued", "running")
ROUNDS = 20
# Within this time, Airflow's scheduler finishes what it was doing when a run was ended.
SETTLE_SECONDS = 1.0


async def active_runs(caller: Caller, dag_id: str) -> list[str]:
    """Return the ids of queued and then of running runs; not all where there are very many."""
    # Queued runs are ended first, so that no ended run makes room for one of them to start.
    runs = await find_runs(caller, dag_id, state=ACTIVE, order_by="state", limit=MOST_AT_ONCE)
    return [run["dag_run_id"] for run in runs or []]


async def end_runs(caller: Caller, dag_id: str) -> set[str]:
    """
    Set all runs of a DAG that run or are queued to failed, which ends their tasks; return the ids of these runs.

    It then waits until Airflow's scheduler has left them ended. Two limits keep the wait finite: it gives up after
    `ROUNDS` rounds, and looks only at the latest 100 of the runs that succeeded.
    """
    ended: set[str] = set()
    for _ in range(ROUNDS):
        runs = await active_runs(caller, dag_id)
        if not runs:
            break
        for run_id in runs:
            await _end(caller, dag_id, run_id)
        ended.update(runs)
    await _end_again(caller, dag_id, ended)
    return ended


async def end_run(caller: Caller, dag_id: str, run_id: str) -> None:
    """End one run of a DAG in the same way."""
    await _end(caller, dag_id, run_id)
    await _end_again(caller, dag_id, {run_id})


async def _end_again(caller: Caller, dag_id: str, ended: set[str]) -> None:
    """
    End runs again that have not stayed ended.

    On SQLite, which locks no row, the scheduler may have read that a run is queued before it was ended, and then write
    that it runs; and as its tasks are skipped, that it is a success.
    """
    for _ in range(ROUNDS if ended else 0):
        await asyncio.sleep(SETTLE_SECONDS)
        succeeded = await find_runs(caller, dag_id, state="success", order_by="-end_date", limit=MOST_AT_ONCE)
        active = await active_runs(caller, dag_id)
        back = ended.intersection([run["dag_run_id"] for run in succeeded or []] + active)
        if not back:
            break
        for run_id in back:
            await _end(caller, dag_id, run_id)


async def _end(caller: Caller, dag_id: str, run_id: str) -> None:
    answer = await caller.send("PATCH", dag_path(dag_id, "dagRuns", run_id), json={"state": "failed"})
    if answer.is_error and answer.status_code != httpx.codes.NOT_FOUND:
        raise refused(answer)
