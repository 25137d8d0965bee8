"""Whose page is it? The user who has logged in to Airflow's UI, or a program with a token of Airflow's."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from dag_factory.api.answers import Refused
from dag_factory.api.identity import user_of
from dag_factory.api.rest import AirflowApi, Caller
from dag_factory.page.recent_totals import UserTotals

_NEEDED = "Log in to Airflow's UI in this browser, or send a Bearer token of Airflow's."


class Visitor(Caller):
    """The user of the page, as whom Airflow is asked."""

    def __init__(self, airflow: AirflowApi, token: str, totals: UserTotals) -> None:
        super().__init__(airflow, token)
        self.totals = totals


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
    await user_of(token)
    return Visitor(request.app.state.airflow, token, request.app.state.totals.of(token))


VisitorDep = Annotated[Visitor, Depends(visitor_of)]
