"""The runs of a DAG, as Airflow lists them for a caller."""

from __future__ import annotations

import re
import uuid
from contextlib import suppress
from typing import Annotated, Any

import httpx
from fastapi import Query

from dag_factory.api_server.api.answers import Refused
from dag_factory.api_server.api.rest import Caller, dag_path, refused
from dag_factory.portable.openmetadata.run_ids import openmetadata_run_id

RunIdParameter = Annotated[
    str | None, Query(alias="run_id", description="Airflow's id of a run, or the one it reports under", max_length=250)
]

MOST_AT_ONCE = 100
"""How many runs are listed at once: the default of ``[api] maximum_page_limit``, the most that Airflow allows."""

# How many pages of the newest runs are searched for an id that is not Airflow's own.
PAGES = 10

# The ids that Airflow accepts for runs, except for two dots, which are a step up in a path.
_RUN_ID = re.compile(r"[A-Za-z0-9_.~:+-]{1,250}")


async def find_runs(caller: Caller, dag_id: str, **wanted: Any) -> list[dict[str, Any]] | None:
    """
    Return runs of a DAG, None where the DAG is unknown.

    :param wanted: parameters of Airflow's own list, which select and sort
    """
    answer = await caller.send("GET", dag_path(dag_id, "dagRuns"), params=wanted)
    if answer.status_code == httpx.codes.NOT_FOUND:
        return None
    if answer.is_error:
        raise refused(answer)
    runs: list[dict[str, Any]] = answer.json()["dag_runs"]
    return runs


async def find_run(caller: Caller, dag_id: str, run_id: str) -> dict[str, Any]:
    """
    Return a run of a DAG.

    :param run_id: Airflow's id of the run, or the one under which it reports to the OpenMetadata server
    :raises Refused: 404, where none of the newest runs has that id
    """
    answer = await caller.send("GET", dag_path(dag_id, "dagRuns", run_id))
    if answer.is_success:
        run: dict[str, Any] = answer.json()
        return run
    if answer.status_code != httpx.codes.NOT_FOUND:
        raise refused(answer)
    for page in range(PAGES):
        at = {"limit": MOST_AT_ONCE, "offset": page * MOST_AT_ONCE}
        runs = await find_runs(caller, dag_id, order_by="-run_after", **at) or []
        for run in runs:
            if reported_id(dag_id, run) == run_id:
                return run
        if len(runs) < MOST_AT_ONCE:
            break
    raise Refused(
        404,
        f"Run '{run_id}' of pipeline '{dag_id}' is unknown, or older than the {PAGES * MOST_AT_ONCE} newest. Leave out "
        "'run_id' for the last run.",
    )


def reported_id(dag_id: str, run: dict[str, Any]) -> str:
    """Return the id under which a run reports to the OpenMetadata server."""
    return openmetadata_run_id(dag_id, run["dag_run_id"], run.get("conf"))


def checked_run_id(run_id: str | None) -> str | None:
    """
    Return the run id in a call, None where it has none.

    :raises Refused: 400, where no run can have it
    """
    if not run_id:
        return None
    with suppress(ValueError):
        # A UUID can be written in several ways, but a run reports under one: two runs would report under the same.
        return str(uuid.UUID(run_id))
    if not _RUN_ID.fullmatch(run_id) or ".." in run_id:
        raise Refused(400, "'run_id' is not the id of a run. Use letters, digits and _.~:+- alone.")
    return run_id
