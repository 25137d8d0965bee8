"""The last runs of several pipelines, as Airflow lists them for a user."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from dag_factory.api_server.api.answers import Refused
from dag_factory.api_server.api.rest import Caller, dag_path
from dag_factory.api_server.page.listing import MOST

Run = dict[str, Any]
"""A run as Airflow lists it."""

# Runs of so many DAGs are asked for together, a compromise: each request costs more the more DAGs Airflow has, and the
# fewer share one, the more of their runs it has. Airflow allows more than `MOST` here, but with hundreds of runs in one
# answer, its API server has once ended with a segmentation fault. The cause is unknown: 240 answers of 500 runs each,
# four at a time over SQLite, did not show it again (Airflow 3.3.2, Python 3.11, November 2026).
_TOGETHER = 20
# One that runs every minute hides the runs of the others, which are then asked for without it. After so many times,
# those left are asked for one by one.
_ROUNDS = 3


async def last_runs(visitor: Caller, dag_ids: Sequence[str], history: int = 10) -> dict[str, list[Run]]:
    """
    Return the last runs of DAGs, the newest last, by DAG id; none where the user may not see runs.

    Each has its last run there; of DAGs that run less often than others, some earlier ones may be missing.

    :param history: how many of each, at most
    """
    groups = [dag_ids[start : start + _TOGETHER] for start in range(0, len(dag_ids), _TOGETHER)]
    try:
        found = await asyncio.gather(*(_of_group(visitor, group) for group in groups))
    except Refused as refusal:
        if refusal.status != 403:
            raise
        return {}
    merged = {dag_id: runs for each in found for dag_id, runs in each.items()}
    return {dag_id: runs[:history][::-1] for dag_id, runs in merged.items()}


async def runs_of(visitor: Caller, dag_id: str, history: int) -> list[Run]:
    """Return the last runs of one DAG, the newest last; none where the user may not see runs."""
    try:
        return (await _of_one(visitor, dag_id, history))[::-1]
    except Refused as refusal:
        if refusal.status != 403:
            raise
        return []


async def _of_group(visitor: Caller, dag_ids: Sequence[str]) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {}
    left = list(dag_ids)
    for _ in range(_ROUNDS):
        if not left:
            return found
        body = {"dag_ids": left, "order_by": "-run_after", "page_limit": MOST}
        answer = await visitor.ask("POST", "/dags/~/dagRuns/list", json=body)
        runs: list[Run] = answer["dag_runs"]
        for run in runs:
            found.setdefault(run["dag_id"], []).append(run)
        is_cut = len(runs) < answer["total_entries"]
        left = [dag_id for dag_id in left if dag_id not in found] if is_cut else []
    for dag_id in left:
        found[dag_id] = await _of_one(visitor, dag_id, 1)
    return found


async def _of_one(visitor: Caller, dag_id: str, limit: int) -> list[Run]:
    newest = {"order_by": "-run_after", "limit": limit}
    runs: list[Run] = (await visitor.ask("GET", dag_path(dag_id, "dagRuns"), params=newest))["dag_runs"]
    return runs
