"""The pages about the API: they need a login like all else, and here alone that of Airflow's UI will do."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse

from dag_factory.api.answers import Refused
from dag_factory.api.browsers import DOCS
from dag_factory.api.dependencies import caller_of
from dag_factory.api.identity import user_of

OPENAPI = "/openapi.json"


def pages(app: FastAPI, *, docs: bool) -> APIRouter:
    """
    Return the routes of an app's OpenAPI document, and of the page that shows it.

    :param docs: whether there is that page. It loads its scripts from elsewhere, as Airflow's own does
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
    Let in a caller with credentials, and the browser of a user who has logged in to Airflow's UI.

    A browser sends the UI's cookie along for the pages of other sites as well, so no call goes by it. These pages say
    and do nothing that such a page could make use of.
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
