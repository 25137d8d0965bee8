"""The pipeline that a call is about, and Airflow's description of its DAG."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated, Any

import httpx
from fastapi import Query

from dag_factory.api_server import foreign_dags
from dag_factory.api_server.api.answers import Refused
from dag_factory.api_server.api.application import Application
from dag_factory.api_server.api.identity import require
from dag_factory.api_server.api.rest import Caller, dag_path, refused
from dag_factory.configs.dag_ids import MAX_DAG_ID, NO_DAG_ID, clean_dag_id, names_a_dag

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod

NameParameter = Annotated[str, Query(alias="dag_id", description="The pipeline's name", max_length=2_000)]

POLL_SECONDS = 0.3
ASK_AGAIN_SECONDS = 10.0
# A parse that has seen the config writes its DAG within this time. Another one would only hold up the next change.
WRITING_SECONDS = 4.0

_PROCESSOR = "Is the DAG processor running, with openmetadata_loader.py in its DAGs folder, or with a bundle of ours?"


async def find_pipeline(
    application: Application, caller: Caller, name: str, method: ResourceMethod, *, run: bool = False
) -> str:
    """
    Return the DAG id of the pipeline that a call names, if the caller has the permission for it, or for its runs.

    Several names can give one DAG id, which belongs to the pipeline that was deployed first. The server also calls with
    the names of those that were refused, which must not affect the first one.

    :raises Refused: 400, where no pipeline can have that name; 403, where the caller lacks the permission
    :raises TakenDagId: where the DAG id belongs to a pipeline of another name, or to a DAG that is not a pipeline's:
        the server's user may change all DAGs, and those who make pipelines there may not
    """
    dag_id = clean_dag_id(name)
    if not dag_id or len(dag_id) > MAX_DAG_ID:
        raise Refused(
            400, f"'dag_id' is empty or too long. It is the pipeline's name, at most {MAX_DAG_ID} characters."
        )
    # The server must be able to delete a pipeline that was refused.
    if method != "DELETE" and not names_a_dag(name):
        raise Refused(400, f"'dag_id' is the pipeline's name, which {NO_DAG_ID}.")
    await require(caller, method, dag_id, run=run)
    owner = await application.store.owner(dag_id)
    if owner is not None and owner != name:
        raise TakenDagId(f"The DAG id '{dag_id}' belongs to the pipeline {owner!r}.")
    if owner is None and await asyncio.to_thread(foreign_dags.has_foreign_dag, dag_id):
        raise TakenDagId(f"The DAG '{dag_id}' of this Airflow is not a pipeline's.")
    return dag_id


async def wait_for_dag(application: Application, caller: Caller, dag_id: str) -> dict[str, Any]:
    """
    Return Airflow's description of a DAG; wait for a parse where its config is stored but not parsed yet.

    :raises Refused: 404 where the pipeline is unknown, 503 where Airflow does not parse it in time
    """
    deadline = time.monotonic() + application.parse_seconds
    ask_again = time.monotonic() + WRITING_SECONDS
    is_asked = False
    while (dag := await find_dag(caller, dag_id)) is None:
        if await application.store.lacks(dag_id):
            raise unknown(dag_id)
        now = time.monotonic()
        if now > deadline:
            why = (await application.store.problems()).get("load")
            raise Refused(
                503,
                f"The config of pipeline '{dag_id}' is stored, but Airflow has not parsed it within "
                f"{application.parse_seconds:.0f} s. {why or _PROCESSOR}",
            )
        if not is_asked:
            application.ask_if_unseen(caller, dag_id)
            is_asked = True
        if now >= ask_again:
            # The file may have come without a marker.
            application.ask_for_parse(caller, dag_id, even_if_seen=True)
            ask_again = now + ASK_AGAIN_SECONDS
        await asyncio.sleep(POLL_SECONDS)
    return dag


async def find_dag(caller: Caller, dag_id: str) -> dict[str, Any] | None:
    """Return Airflow's description of a DAG, None where it is unknown, or no file makes it any more."""
    answer = await caller.send("GET", dag_path(dag_id))
    if answer.status_code == httpx.codes.NOT_FOUND:
        return None
    if answer.is_error:
        raise refused(answer)
    dag: dict[str, Any] = answer.json()
    return None if dag.get("is_stale") else dag


class TakenDagId(Refused):
    """
    A call names an unknown pipeline whose DAG id belongs to something else.

    :param whose: to what, as a sentence
    """

    def __init__(self, whose: str) -> None:
        self.whose = whose
        super().__init__(404, f"The pipeline is unknown. {whose}")


def unknown(dag_id: str) -> Refused:
    """Return the answer to a call for an unknown pipeline."""
    return Refused(404, f"Pipeline '{dag_id}' is unknown. Deploy it first.")
