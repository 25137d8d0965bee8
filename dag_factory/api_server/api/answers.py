"""Error answers: a plain sentence each, without any value of a document."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from dag_factory.configs.problem import problems_in
from dag_factory.errors import ConfigError, ConflictError, DagFactoryError, MissingStoreError, StoreLockedError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

# The sentence for people names at most so many; the answer's JSON has all of them.
_MOST_PROBLEMS = 20

# The meaning of each error status, for the OpenAPI page.
_MEANINGS = {
    400: "The body or a parameter is wrong, or Airflow refuses what it asks for",
    401: "The credentials are missing or wrong",
    403: "The user lacks a permission in Airflow, or the request comes from a page of another site",
    404: "The pipeline is unknown",
    408: "The body was not complete in time",
    409: "Another pipeline, or a run, is in the way",
    413: "The body is too large",
    415: "The Content-Type is not application/json",
    429: "Too many wrong logins have come from this address",
    500: "Airflow, or the config store, does not work",
    501: "This version or this environment does not support it",
    503: "The config store is missing or locked, Airflow has not parsed the pipeline yet, or too many calls wait",
}


# A call that checks credentials may refuse further logins; one that reads a body may find it slow, or not to be JSON.
_WITH = {401: (429,), 413: (408, 415, 503)}


class Problem(BaseModel):
    """The content of every error answer; where a document is wrong, with each of its problems."""

    error: str
    problems: list[dict[str, Any]] | None = None


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the description of a call's error answers for the OpenAPI page."""
    every = sorted({*statuses, *(other for status in statuses for other in _WITH.get(status, ()))})
    return {status: {"model": Problem, "description": _MEANINGS[status]} for status in every}


class Refused(Exception):
    """
    A call is refused, or fails.

    :param status: HTTP status
    :param sentence: what is wrong and what to do, for an operator
    :param retry_after: seconds after which the same call may be answered
    """

    def __init__(self, status: int, sentence: str, retry_after: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.retry_after = retry_after


def refusal(
    status: int,
    sentence: str,
    retry_after: int | None = None,
    *,
    problems: Sequence[Mapping[str, Any]] = (),
) -> Response:
    """
    Return an answer in the contract's form of an error.

    A 401 must name a way to log in (RFC 9110). It names only the Bearer token, though Basic works too: at the word
    Basic a browser would ask for a password, keep it, and send it with requests of other sites. Programs, such as the
    OpenMetadata server, send theirs without being asked.
    """
    headers = {"WWW-Authenticate": 'Bearer realm="Airflow"'} if status == 401 else {}
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    content = {"error": sentence, **({"problems": problems} if problems else {})}
    return JSONResponse(content, status_code=status, headers=headers)


class DeclaredAnswers(FastAPI):
    """An app whose OpenAPI document leaves out the 422 that FastAPI adds to it: a wrong parameter is a 400 here."""

    def openapi(self) -> dict[str, Any]:
        """Return the document."""
        document = super().openapi()
        for methods in document["paths"].values():
            for call in methods.values():
                call["responses"].pop("422", None)
        for name in ("HTTPValidationError", "ValidationError"):
            document.get("components", {}).get("schemas", {}).pop(name, None)
        return document


def answer_errors(app: FastAPI) -> None:
    """Give every error of an app the contract's form."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(DagFactoryError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_middleware(Unexpected)


class Unexpected:
    """
    Answers unexpected exceptions with 500, and logs where they were raised.

    The exception's text is in neither, since it may quote the document. With FastAPI's handler for all exceptions, the
    exception would be raised again, and the server would log it whole.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("%s while answering %r:\n%s", type(error).__name__, scope.get("path"), where)
            if started:
                raise
            await refusal(500, "Something unexpected went wrong. The log of Airflow's API server says where.")(
                scope, receive, send
            )


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return refusal(error.status, error.sentence, error.retry_after)


async def _ours(_: Request, error: Exception) -> Response:
    if isinstance(error, ConflictError):
        return refusal(409, f"The pipeline conflicts with another one: {error}.")
    if isinstance(error, ConfigError):
        return refusal(400, _wrong_document(error), problems=[each.as_json() for each in problems_in(error)])
    log.error("%s", error)
    # Both may pass, hence 503.
    return refusal(503 if isinstance(error, (MissingStoreError, StoreLockedError)) else 500, str(error))


def _wrong_document(error: ConfigError) -> str:
    """Return a sentence for each problem: an OpenMetadata server shows only this text."""
    problems = problems_in(error)
    if len(problems) == 1:
        return f"The document is wrong: {error}"
    said = [f"{str(each).rstrip('.')}." for each in problems[:_MOST_PROBLEMS]]
    more = f" And {len(problems) - _MOST_PROBLEMS} more." if len(problems) > _MOST_PROBLEMS else ""
    return f"The document has {len(problems)} problems: {' '.join(said)}{more}"


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    # Further parts say which of the parameter's types was tried.
    kind, name = (str(part) for part in first["loc"][:2])
    if kind == "body":
        return refusal(400, first["msg"])  # the sentence of `JsonBody`
    # The server's client can't handle FastAPI's 422.
    return refusal(400, f"The {kind} parameter '{name}' is wrong: {first['msg']}.")


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    sentences = {
        404: "This call is unknown. The page 'docs' lists all of them.",
        405: "This call does not support that HTTP method. The page 'docs' lists those that it supports.",
    }
    return refusal(error.status_code, sentences.get(error.status_code, str(error.detail)))
