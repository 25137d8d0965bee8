"""What a call says: its body, within bounds, and the pipeline that it names."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import Query, Request
from starlette.requests import ClientDisconnect

from dag_factory.api.answers import Refused
from dag_factory.configs.dag_ids import MAX_DAG_ID, NO_DAG_ID, clean_dag_id, names_a_dag
from dag_factory.configs.document import MAX_BYTES, Document, parse
from dag_factory.errors import ConfigError

NameParameter = Annotated[str, Query(alias="dag_id", description="The pipeline's name", max_length=2_000)]
RunIdParameter = Annotated[
    str | None, Query(alias="run_id", description="Airflow's id of a run, or the one it reports under", max_length=250)
]

_OPTIONAL = ("conf", "run_id")


def body_schema(**properties: Any) -> dict[str, Any]:
    """Return what the OpenAPI page says of a JSON body that is read by hand, within bounds."""
    required = [name for name in properties if name not in _OPTIONAL]
    schema = {"type": "object", "properties": properties, "required": required}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


DAG_ID_BODY = body_schema(dag_id={"type": "string", "description": "The pipeline's name"})


async def read_body(request: Request) -> bytes:
    """
    Return a request's body; one that is too large is not kept.

    :raises Refused: 413, where it is larger than a config may be; 408 and 503 as `WholeBodies` says
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > MAX_BYTES:
        raise _too_large()
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > MAX_BYTES:
                raise _too_large()
    except ClientDisconnect:
        raise Refused(400, "The body is incomplete.") from None  # nobody reads this, and it is no error of ours
    if not body.strip():
        raise Refused(400, "The request has no body. Send a JSON object.")
    return bytes(body)


async def read_call(request: Request) -> Document:
    """
    Return the JSON object that a call sends.

    :raises Refused: where it is none
    """
    try:
        return await asyncio.to_thread(parse, await read_body(request), "body.json")
    except ConfigError as error:
        raise Refused(400, f"The body is wrong: {error}") from None


def _too_large() -> Refused:
    return Refused(413, f"The body is larger than {MAX_BYTES // 1024**2} MiB, too large for a pipeline's config.")


def name_in(call: Document) -> str:
    """Return the name of the pipeline that a call is about; raises Refused where it names none."""
    name = call.get("dag_id")
    if not isinstance(name, str):
        raise Refused(400, "The field 'dag_id' is missing, or is not a text. It is the pipeline's name.")
    return name


def dag_id_of(name: str) -> str:
    """Return the DAG id of a pipeline's name; raises Refused where no pipeline can have that name."""
    dag_id = clean_dag_id(name)
    if not dag_id or len(dag_id) > MAX_DAG_ID:
        raise Refused(400, f"'dag_id' is the pipeline's name, of 1 to {MAX_DAG_ID} characters.")
    return dag_id


def require_dag_name(name: str) -> None:
    """Raise Refused where a pipeline's name leaves nothing of a DAG id, so that nothing can be deployed under it."""
    if not names_a_dag(name):
        raise Refused(400, f"'dag_id' is a name that {NO_DAG_ID}.")
