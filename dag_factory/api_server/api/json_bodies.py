"""JSON bodies of calls: read up to a limit, then checked by the model that a call declares."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from dag_factory.api_server.api.answers import Refused
from dag_factory.api_server.api.dependencies import CallerDep
from dag_factory.configs.document import MAX_BYTES, Document, parse
from dag_factory.errors import ConfigError

Body = TypeVar("Body", bound=BaseModel)

SENTENCE = "sentence"
"""The type of a `PydanticCustomError` whose message is the whole sentence of the answer."""


@dataclass(frozen=True)
class Wrong:
    """The message for a missing field, or one of the wrong kind, with the way out: metadata of a model's field."""

    sentence: str


async def read_body(request: Request) -> bytes:
    """
    Return a request's body; one that is too large is not kept.

    FastAPI would read it whole, whatever its size, before the caller is known.

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
        raise Refused(400, "The body is incomplete.") from None  # the client is gone; this is not our error
    if not body.strip():
        raise Refused(400, "The request has no body. Send a JSON object.")
    return bytes(body)


async def _document(request: Request, _: CallerDep) -> Document:
    """
    Return the JSON object that a call sends.

    It is parsed like a config: FastAPI would accept NaN, and of a key that stands twice, take the last value.
    """
    try:
        return await asyncio.to_thread(parse, await read_body(request), "body.json")
    except ConfigError as error:
        raise Refused(400, f"The body is wrong: {error}") from None


DocumentDep = Annotated[Document, Depends(_document)]


def JsonBody(model: type[Body]) -> Any:  # noqa: N802 - as FastAPI's own Body
    """
    Return the FastAPI dependency that passes a call its body as a model.

    An invalid body is answered 400 with the field's `Wrong` sentence, never with its value.
    """

    async def checked(document: DocumentDep) -> Body:
        try:
            return model.model_validate(document)
        except ValidationError as error:
            raise RequestValidationError([_wrong_field(model, error)]) from None

    return Depends(checked)


def body_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the description for the OpenAPI page of a body that is read here and not by FastAPI."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _wrong_field(model: type[BaseModel], error: ValidationError) -> dict[str, Any]:
    """Return a body's first problem in FastAPI's form, its message the whole sentence of the answer."""
    first = error.errors(include_input=False, include_url=False)[0]
    field = str(first["loc"][0])
    wrong = next((each.sentence for each in model.model_fields[field].metadata if isinstance(each, Wrong)), "is wrong.")
    sentence = first["msg"] if first["type"] == SENTENCE else f"The field '{field}' {wrong}"
    return {"type": first["type"], "loc": ("body", field), "msg": sentence}


def _too_large() -> Refused:
    return Refused(413, f"The body is larger than {MAX_BYTES // 1024**2} MiB, too large for a pipeline's config.")
