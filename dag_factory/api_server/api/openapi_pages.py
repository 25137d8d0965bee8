"""The pages about the API. They need a login, and unlike the calls, they accept that of Airflow's UI."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse

from dag_factory.api_server.api.answers import Refused
from dag_factory.api_server.api.browsers import DOCS
from dag_factory.api_server.api.dependencies import caller_of
from dag_factory.api_server.api.identity import user_of

OPENAPI = "/openapi.json"


def pages(app: FastAPI, *, docs: bool) -> APIRouter:
    """
    Return the routes of an app's OpenAPI document, and of the page that shows it.

    :param docs: whether to serve that page. It loads its scripts from another server, as Airflow's own does
    """
    router = APIRouter(include_in_schema=False, dependencies=[Depends(_reader)])

    @router.get(OPENAPI)
    async def document(root_path: RootPath) -> JSONResponse:
        return JSONResponse({**app.openapi(), "servers": [{"url": root_path or "/"}]})

    if docs:

        @router.get(DOCS)
        async def page(root_path: RootPath) -> HTMLResponse:
            return get_swagger_ui_html(openapi_url=f"{root_path}{OPENAPI}", title=app.title)

    return router


async def _reader(request: Request) -> None:
    """
    Accept a caller with credentials, or a browser with the cookie of Airflow's UI.

    A browser sends that cookie with requests of other sites too, so no call accepts it. These pages hold and do nothing
    that another site could use.
    """
    from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN

    token = request.cookies.get(COOKIE_NAME_JWT_TOKEN)
    try:
        if token and "authorization" not in request.headers:
            await user_of(token)
        else:
            await caller_of(request)
    except Refused as refusal:
        if refusal.status == 401:
            raise Refused(401, f"{refusal.sentence} In a browser, log in to Airflow's UI and come back.") from None
        raise


def _root_path(request: Request) -> str:
    return str(request.scope.get("root_path", "")).rstrip("/")


RootPath = Annotated[str, Depends(_root_path)]
