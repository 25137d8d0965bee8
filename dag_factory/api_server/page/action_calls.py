"""The calls by which the page acts on pipelines."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dag_factory.api_server.api.answers import Refused
from dag_factory.api_server.api.json_bodies import read_body
from dag_factory.api_server.page.actions import Action, Done, act, set_paused_by_filter
from dag_factory.api_server.page.filters import Filter
from dag_factory.api_server.page.listing import all_of
from dag_factory.api_server.page.seconds import Budget
from dag_factory.api_server.page.visitor import Visitor, VisitorDep
from dag_factory.configs.dag_ids import MAX_DAG_ID

router = APIRouter(prefix="/data", include_in_schema=False)

MOST_PIPELINES = 10_000

DagId = Annotated[str, Field(min_length=1, max_length=MAX_DAG_ID)]


class ActionBody(BaseModel):
    """
    What to do, and with which pipelines: those of some DAG ids, or all of a filter.

    :param dry_run: only say with which
    """

    model_config = ConfigDict(extra="forbid")

    action: Action
    dag_ids: list[DagId] | None = Field(None, max_length=MOST_PIPELINES)
    filter: Filter | None = None
    dry_run: bool = False


async def _body(request: Request, _: VisitorDep) -> ActionBody:
    """Return the body of a call, which is read only once the user is known."""
    try:
        body = ActionBody.model_validate(json.loads(await read_body(request)))
    except Refused as refusal:
        if refusal.status == 413:
            raise Refused(413, "The request is larger than 1 MiB. Send fewer DAG ids at once, or a filter.") from None
        raise
    except ValidationError as error:
        field = ".".join(map(str, error.errors(include_input=False)[0]["loc"][:2])) or "body"
        raise Refused(400, f"The field '{field}' is wrong. Reload the page and repeat the action.") from None
    except (ValueError, RecursionError):
        raise Refused(400, "The body is not JSON.") from None
    if (body.dag_ids is None) == (body.filter is None):
        raise Refused(400, "Send either 'dag_ids' or 'filter'.")
    return body


@router.post("/actions")
async def actions(request: Request, visitor: VisitorDep, body: Annotated[ActionBody, Depends(_body)]) -> dict[str, Any]:
    """
    Do something with pipelines, for at most some seconds; what is ``left`` then can be sent again.

    What was begun is completed even if the browser goes away. What is ``left`` then is not done.
    """
    budget: Budget = request.app.state.budget.started()
    if body.dry_run:
        dag_ids = await _dag_ids(visitor, body)
        return {"total": len(dag_ids), "dag_ids": dag_ids}
    task = asyncio.create_task(_done(visitor, body, budget))
    return vars(await asyncio.shield(task))


async def _done(visitor: Visitor, body: ActionBody, budget: Budget) -> Done:
    if body.filter is not None and body.action in ("pause", "unpause"):
        try:
            done = await set_paused_by_filter(visitor, body.filter, body.action == "pause")
        except Refused as refusal:
            if refusal.status != 403:
                raise
            done = None  # a user who may edit only some DAGs
        if done is not None:
            return done
    return await act(visitor, body.action, await _dag_ids(visitor, body), budget)


async def _dag_ids(visitor: Visitor, body: ActionBody) -> list[str]:
    if body.dag_ids is not None:
        return list(dict.fromkeys(body.dag_ids))
    assert body.filter is not None
    found = [dag["dag_id"] async for dag in all_of(visitor, body.filter)]
    if len(found) > MOST_PIPELINES:
        raise Refused(400, f"More than {MOST_PIPELINES:,} pipelines match. Filter by a service or a type as well.")
    return found
