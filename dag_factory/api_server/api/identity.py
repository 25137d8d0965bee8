"""Who calls, and what they may do, by whichever auth manager Airflow has."""

from __future__ import annotations

import asyncio
import base64
import hmac
import math
import os
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from dag_factory.api_server.api.answers import Refused
from dag_factory.api_server.api.login_limit import LoginLimit
from dag_factory.api_server.api.rest import AirflowApi, Caller

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod

Kept = TypeVar("Kept")

# A password that was changed must not work for longer than a minute.
KEPT_SECONDS = 50
# Wrong credentials that are sent again within this time cost no further login.
REFUSED_SECONDS = 10
MOST_KEPT = 1000

# Each may hold one of Airflow's database connections, besides those of the calls (`rest.AT_ONCE`).
KNOWN_AT_ONCE = 2
UNKNOWN_AT_ONCE = 2

_NEEDED = "Credentials are needed: HTTP Basic with a user of Airflow, or a Bearer token of Airflow's."


class WrongLogin(Refused):
    """Airflow has refused a username with its password."""

    def __init__(self) -> None:
        super().__init__(401, "Username or password is wrong. Use those of a user of this Airflow.")


class Logins:
    """
    Exchanges credentials for Airflow's tokens, which are kept for a short while, so that most calls need no login.

    Credentials are not kept, only a digest of them with a key that exists only in this process.

    A `LoginLimit` limits wrong logins. It must not lock out a user who has the right password while others guess at the
    same username from the same address. So credentials that were right before bypass the limit, and have login slots
    of their own that no guess can use, since the digest covers the password. They count as right until Airflow refuses
    them, or this process ends. All other logins are limited: after too many from their address, they get the answer
    429 and must be retried.

    Tokens need no limit: a wrong one costs only the check of a signature, and can't be guessed. Airflow's own login
    page and ``/auth/token`` have no limit; if they can be reached from outside, a proxy should limit them.

    :param kept_seconds: how long a token is kept, and so how long a password works after it was changed
    :param refused_seconds: how long refused credentials are refused again without a login
    """

    def __init__(
        self,
        airflow: AirflowApi,
        *,
        kept_seconds: float = KEPT_SECONDS,
        refused_seconds: float = REFUSED_SECONDS,
        most_kept: int = MOST_KEPT,
        limit: LoginLimit | None = None,
    ) -> None:
        self._airflow = airflow
        self._kept_seconds = kept_seconds
        self._refused_seconds = refused_seconds
        self._most_kept = most_kept
        self._limit = limit or LoginLimit()
        self._key = os.urandom(32)
        # By digest of the credentials, the latest at the end.
        self._kept: OrderedDict[bytes, tuple[str, float]] = OrderedDict()
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._refused: OrderedDict[bytes, float] = OrderedDict()
        self._under_way: dict[bytes, asyncio.Task[str]] = {}
        self._known_lane = asyncio.Semaphore(KNOWN_AT_ONCE)
        self._unknown_lane = asyncio.Semaphore(UNKNOWN_AT_ONCE)

    async def caller(self, authorization: str | None, client: str = "") -> Caller:
        """
        Return the user of an ``Authorization`` header.

        :param client: the address that it comes from
        :raises Refused: 401, where it names no user; 429, where that address has sent too many wrong ones
        """
        scheme, _, credentials = (authorization or "").partition(" ")
        credentials = credentials.strip()
        if scheme.lower() == "basic" and credentials:
            username, password = _basic(credentials)
            return Caller(self._airflow, await self._token(username, password, client))
        if scheme.lower() == "bearer" and credentials:
            await user_of(credentials)
            return Caller(self._airflow, credentials)
        raise Refused(401, _NEEDED)

    async def _token(self, username: str, password: str, client: str) -> str:
        digest = hmac.digest(self._key, f"{username}\0{password}".encode(), "sha256")
        now = time.monotonic()
        token, until = self._kept.get(digest, ("", 0.0))
        if now < until:
            return token
        if now < self._refused.get(digest, 0.0):
            raise WrongLogin
        # Concurrent calls with the same credentials share one login.
        login = self._under_way.get(digest)
        if login is None:
            if digest in self._known:
                work = self._login_of_known(digest, username, password)
            else:
                if wait := self._limit.take(client):
                    raise _too_many_wrong_logins(wait)
                work = self._login_of_unknown(digest, username, password, client)
            login = asyncio.create_task(work)
            self._under_way[digest] = login
            login.add_done_callback(lambda _: self._under_way.pop(digest, None))
        return await asyncio.shield(login)

    async def _login_of_known(self, digest: bytes, username: str, password: str) -> str:
        async with self._known_lane:
            return await self._login(digest, username, password)

    async def _login_of_unknown(self, digest: bytes, username: str, password: str, client: str) -> str:
        try:
            async with self._unknown_lane:
                token = await self._login(digest, username, password)
        except WrongLogin:
            raise
        except Exception:
            # An Airflow that fails, or has no passwords, says nothing of these credentials. Only a login that ends with
            # the process stays counted: one whose client has gone goes on to its end, as a task of its own.
            self._limit.give_back(client)
            raise
        self._limit.give_back(client)
        return token

    async def _login(self, digest: bytes, username: str, password: str) -> str:
        # Counted from before the login, since the password may be changed during it.
        until = time.monotonic() + self._kept_seconds
        response = await self._airflow.login(username, password)
        if response.status_code in (404, 405):
            raise Refused(401, "Airflow's auth manager does not support login by password. Use a Bearer token.")
        if response.is_server_error:
            raise Refused(500, "Airflow's login does not work. The log of Airflow's API server says why.")
        if response.is_error:
            self._known.pop(digest, None)
            self._keep(self._refused, digest, time.monotonic() + self._refused_seconds)
            raise WrongLogin
        token = str(response.json()["access_token"])
        self._keep(self._known, digest, None)
        self._keep(self._kept, digest, (token, until))
        return token

    def _keep(self, kept: OrderedDict[bytes, Kept], digest: bytes, value: Kept) -> None:
        kept[digest] = value
        kept.move_to_end(digest)
        while len(kept) > self._most_kept:
            kept.popitem(last=False)


async def require(caller: Caller, method: ResourceMethod, dag_id: str | None, *, run: bool = False) -> None:
    """
    Check a caller's permission for a DAG, which Airflow need not know yet, or for its runs.

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
        raise Refused(
            403,
            f"The user lacks Airflow's permission to {what} {'runs of ' if run else ''}{which}. "
            "Ask Airflow's operator for a role that has it, or call as another user.",
        )


async def require_connections(caller: Caller, conn_ids: Sequence[str]) -> None:
    """
    Check that a caller may read the Connections that their config refers to.

    :raises Refused: 403, where they may not
    """
    if not conn_ids:
        return
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails

    user = await user_of(caller.token)
    for conn_id in conn_ids:
        allowed = await asyncio.to_thread(
            get_auth_manager().is_authorized_connection,
            method="GET",
            details=ConnectionDetails(conn_id=conn_id),
            user=user,
        )
        if not allowed:
            raise Refused(
                403,
                f"The config refers to the Connection '{conn_id}', and the user lacks Airflow's permission to read it. "
                "Ask Airflow's operator for that permission, or leave the reference out.",
            )


async def user_of(token: str) -> object:
    """
    Return Airflow's user of a token.

    :raises Refused: 401, where the token is invalid or has expired
    """
    from airflow.api_fastapi.app import get_auth_manager
    from jwt.exceptions import InvalidTokenError

    try:
        return await get_auth_manager().get_user_from_token(token)
    except InvalidTokenError:
        raise Refused(401, "The token is invalid or has expired. Get a new one from Airflow's /auth/token.") from None


def _too_many_wrong_logins(seconds: float) -> Refused:
    wait = math.ceil(seconds)
    return Refused(
        429,
        f"Too many wrong logins have come from this address. Retry in {wait} s. Credentials that were accepted before "
        "still work.",
        retry_after=wait,
    )


def _basic(credentials: str) -> tuple[str, str]:
    try:
        username, separator, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except ValueError:
        separator = ""
    if not separator:
        raise Refused(401, _NEEDED)
    return username, password
