"""Who calls, and what they may do: both as Airflow's auth manager says, whichever it is."""

from __future__ import annotations

import asyncio
import base64
import hmac
import os
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from dag_factory.api.answers import Refused
from dag_factory.api.rest import AirflowApi, Caller

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod

# A password that was changed must not work for longer than a minute.
KEPT_SECONDS = 50
MOST_KEPT = 1000

_NEEDED = "Credentials are needed: HTTP Basic with a user of Airflow, or a Bearer token of Airflow's."


class Logins:
    """
    Turns credentials into tokens of Airflow's, which are kept for a short while: a call then costs no login.

    Credentials themselves are not kept, only a digest of them under a key that no one else has.
    """

    def __init__(self, airflow: AirflowApi, *, kept_seconds: float = KEPT_SECONDS, most_kept: int = MOST_KEPT) -> None:
        self._airflow = airflow
        self._kept_seconds = kept_seconds
        self._most_kept = most_kept
        self._key = os.urandom(32)
        self._kept: OrderedDict[bytes, tuple[str, float]] = OrderedDict()
        self._under_way: dict[bytes, asyncio.Task[str]] = {}

    async def caller(self, authorization: str | None) -> Caller:
        """
        Return whom an ``Authorization`` header names.

        :raises Refused: 401, where it names nobody
        """
        scheme, _, credentials = (authorization or "").partition(" ")
        credentials = credentials.strip()
        if scheme.lower() == "basic" and credentials:
            username, password = _basic(credentials)
            return Caller(self._airflow, await self._token(username, password))
        if scheme.lower() == "bearer" and credentials:
            await user_of(credentials)
            return Caller(self._airflow, credentials)
        raise Refused(401, _NEEDED)

    async def _token(self, username: str, password: str) -> str:
        digest = hmac.digest(self._key, f"{username}\0{password}".encode(), "sha256")
        token, until = self._kept.get(digest, ("", 0.0))
        if time.monotonic() < until:
            return token
        # A server that opens many connections at once logs in once.
        login = self._under_way.get(digest)
        if login is None:
            login = asyncio.create_task(self._login(digest, username, password))
            self._under_way[digest] = login
            login.add_done_callback(lambda _: self._under_way.pop(digest, None))
        return await asyncio.shield(login)

    async def _login(self, digest: bytes, username: str, password: str) -> str:
        # Counted from before the login: what is accepted now may be changed in the meantime.
        until = time.monotonic() + self._kept_seconds
        response = await self._airflow.login(username, password)
        if response.status_code in (404, 405):
            raise Refused(401, "Airflow's auth manager knows no login by password. Use a Bearer token.")
        if response.is_server_error:
            raise Refused(500, "Airflow's login does not work. The log of Airflow's API server says why.")
        if response.is_error:
            raise Refused(401, "Username or password is wrong.")
        token = str(response.json()["access_token"])
        self._kept[digest] = (token, until)
        self._kept.move_to_end(digest)
        while len(self._kept) > self._most_kept:
            self._kept.popitem(last=False)
        return token


async def require(caller: Caller, method: ResourceMethod, dag_id: str | None, *, run: bool = False) -> None:
    """
    Check that a caller may do something with a DAG, which Airflow need not know yet, or with its runs.

    :param dag_id: None for all DAGs
    :raises Refused: 403, where they may not
    """
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails

    entity = DagAccessEntity.RUN if run else None
    user = await user_of(caller.token)
    allowed = await asyncio.to_thread(
        get_auth_manager().is_authorized_dag,
        method=method,
        access_entity=entity,
        details=DagDetails(id=dag_id) if dag_id is not None else None,
        user=user,
    )
    if not allowed:
        what = {"GET": "read", "POST": "create", "PUT": "edit", "DELETE": "delete"}[method]
        which = f"the DAG '{dag_id}'" if dag_id is not None else "all DAGs"
        raise Refused(403, f"The user lacks Airflow's permission to {what} {'runs of ' if run else ''}{which}.")


async def user_of(token: str) -> object:
    """
    Return Airflow's user of a token.

    :raises Refused: 401, where the token is none, or no longer
    """
    from airflow.api_fastapi.app import get_auth_manager
    from jwt.exceptions import InvalidTokenError

    try:
        return await get_auth_manager().get_user_from_token(token)
    except InvalidTokenError:
        raise Refused(401, "The token is wrong, or it has expired.") from None


def _basic(credentials: str) -> tuple[str, str]:
    try:
        username, separator, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except ValueError:
        separator = ""
    if not separator:
        raise Refused(401, _NEEDED)
    return username, password
