"""Whose page is it? The user who has logged in to Airflow's UI, or a program with a token of Airflow's."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request

from dag_factory.api_server.api.answers import Refused
from dag_factory.api_server.api.identity import user_of
from dag_factory.api_server.api.rest import AirflowApi, Caller

_NEEDED = "Log in to Airflow's UI in this browser, or send a Bearer token of Airflow's."


class Visitor(Caller):
    """
    The user of the page, as whom Airflow is asked.

    :param user: the same as Airflow's auth manager knows them
    """

    def __init__(self, airflow: AirflowApi, token: str, user: Any) -> None:
        super().__init__(airflow, token)
        self.user = user


async def visitor_of(request: Request) -> Visitor:
    """
    Return the user of a request, by the cookie of Airflow's UI or by a Bearer token, which takes precedence.

    :raises Refused: 401, where neither names a user
    """
    from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN

    token = request.cookies.get(COOKIE_NAME_JWT_TOKEN, "")
    if (said := request.headers.get("authorization")) is not None:
        scheme, _, credentials = said.partition(" ")
        token = credentials.strip() if scheme.lower() == "bearer" else ""
    if not token:
        raise Refused(401, _NEEDED)
    return Visitor(request.app.state.airflow, token, await user_of(token))


VisitorDep = Annotated[Visitor, Depends(visitor_of)]
