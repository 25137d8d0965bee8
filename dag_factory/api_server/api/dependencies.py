"""What FastAPI passes to each call: the application, and the caller."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security.http import HTTPBase

from dag_factory.api_server.api.application import Application
from dag_factory.api_server.api.rest import Caller

# For the OpenAPI page, which offers to log in by them; the header is read by `Logins`.
_BASIC = HTTPBase(scheme="basic", scheme_name="Basic", description="A user of Airflow", auto_error=False)
_BEARER = HTTPBase(scheme="bearer", scheme_name="Bearer", description="A token of Airflow", auto_error=False)


def _application(request: Request) -> Application:
    application: Application = request.app.state.application
    return application


async def caller_of(request: Request) -> Caller:
    """
    Return the caller of a request.

    :raises Refused: as `Logins.caller` does
    """
    client = request.client.host if request.client is not None else ""
    return await _application(request).logins.caller(request.headers.get("authorization"), client)


async def _caller(
    request: Request, _basic: Annotated[object, Security(_BASIC)], _bearer: Annotated[object, Security(_BEARER)]
) -> Caller:
    return await caller_of(request)


ApplicationDep = Annotated[Application, Depends(_application)]
CallerDep = Annotated[Caller, Depends(_caller)]
