from __future__ import annotations

import asyncio

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from dag_factory.api.answers import Refused
from dag_factory.api.identity import KEPT_SECONDS, Logins
from dag_factory.api.rest import AirflowApi

ALICE = "Basic YWxpY2U6c2VjcmV0"  # alice:secret
COLON = "Basic YWxpY2U6YTpi"  # alice:a:b


class FakeAirflow:
    """Airflow's login, with one user whose password can be changed."""

    def __init__(self) -> None:
        self.password = "secret"
        self.logins = 0
        self.status = 201
        self.app = FastAPI()
        self.app.post("/auth/token")(self.login)

    async def login(self, request: Request) -> Response:
        self.logins += 1
        await asyncio.sleep(0.01)
        said = await request.json()
        if self.status != 201:
            return JSONResponse({}, self.status)
        if said != {"username": "alice", "password": self.password}:
            return JSONResponse({"detail": "no"}, 401)
        return JSONResponse({"access_token": f"token {self.logins}"}, 201)

    def logins_of_ours(self, kept_seconds: float = KEPT_SECONDS, most_kept: int = 10) -> Logins:
        return Logins(AirflowApi(lambda: self.app), kept_seconds=kept_seconds, most_kept=most_kept)


def test_a_token_is_kept_so_that_many_calls_cost_one_login_even_at_once() -> None:
    airflow = FakeAirflow()

    async def ask() -> None:
        logins = airflow.logins_of_ours()
        callers = await asyncio.gather(*(logins.caller(ALICE) for _ in range(20)))
        callers.append(await logins.caller(ALICE))
        assert {caller.token for caller in callers} == {"token 1"}

    asyncio.run(ask())
    assert airflow.logins == 1


def test_a_changed_password_is_refused_as_soon_as_the_token_is_no_longer_kept() -> None:
    airflow = FakeAirflow()

    async def ask() -> None:
        logins = airflow.logins_of_ours(kept_seconds=0)
        await logins.caller(ALICE)
        airflow.password = "another"
        with pytest.raises(Refused, match="Username or password is wrong"):
            await logins.caller(ALICE)

    asyncio.run(ask())
    assert KEPT_SECONDS < 60


def test_a_wrong_password_is_never_served_from_what_is_kept_for_a_right_one() -> None:
    airflow = FakeAirflow()

    async def ask() -> None:
        logins = airflow.logins_of_ours()
        await logins.caller(ALICE)
        with pytest.raises(Refused):
            await logins.caller(COLON)
        airflow.password = "a:b"
        assert (await logins.caller(COLON)).token == "token 3"

    asyncio.run(ask())


def test_only_so_many_tokens_are_kept_and_no_password_is_among_them() -> None:
    airflow = FakeAirflow()

    async def ask() -> None:
        logins = airflow.logins_of_ours(most_kept=1)
        for password, header in (("secret", ALICE), ("a:b", COLON), ("secret", ALICE)):
            airflow.password = password
            await logins.caller(header)
        assert "secret" not in repr(vars(logins))

    asyncio.run(ask())
    assert airflow.logins == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 422, 429])
def test_whatever_way_airflow_refuses_a_login_it_is_a_401(status: int) -> None:
    airflow = FakeAirflow()
    airflow.status = status
    with pytest.raises(Refused) as refused:
        asyncio.run(airflow.logins_of_ours().caller(ALICE))
    assert refused.value.status == 401


def test_a_login_that_does_not_work_at_all_is_not_the_caller_s_fault() -> None:
    airflow = FakeAirflow()
    airflow.status = 500
    with pytest.raises(Refused) as refused:
        asyncio.run(airflow.logins_of_ours().caller(ALICE))
    assert refused.value.status == 500


@pytest.mark.parametrize(
    "header", [None, "", "Basic", "Basic ", "Basic ###", "Basic YQ==", "Basic /w==", "Negotiate x"]
)
def test_a_header_that_names_nobody_asks_airflow_nothing(header: str | None) -> None:
    airflow = FakeAirflow()
    with pytest.raises(Refused) as refused:
        asyncio.run(airflow.logins_of_ours().caller(header))
    assert refused.value.status == 401
    assert airflow.logins == 0
