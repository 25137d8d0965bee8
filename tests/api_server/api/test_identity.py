from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from jwt.exceptions import DecodeError, ExpiredSignatureError, InvalidSignatureError, InvalidTokenError

from dag_factory.api_server.api.answers import Refused
from dag_factory.api_server.api.identity import KEPT_SECONDS, Logins
from dag_factory.api_server.api.login_limit import EACH, LoginLimit, Rate
from dag_factory.api_server.api.rest import AirflowApi
from tests.airflow_versions import AUTH_MANAGER

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

    def logins_of_ours(self, **options: Any) -> Logins:
        return Logins(AirflowApi(lambda: self.app), **{"most_kept": 10, **options})


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
        logins = airflow.logins_of_ours(refused_seconds=0)
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


# Airflow imports the test client of an HTTP library that is about to be replaced.
@pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")
@pytest.mark.parametrize("error", [ExpiredSignatureError, InvalidSignatureError, DecodeError])
def test_a_token_that_airflow_does_not_take_is_refused(
    monkeypatch: pytest.MonkeyPatch, error: type[InvalidTokenError]
) -> None:
    class Strict:
        async def get_user_from_token(self, token: str) -> object:
            raise error(f"canary {token}")

    monkeypatch.setattr(AUTH_MANAGER, Strict())
    with pytest.raises(Refused, match="The token is invalid or has expired") as refused:
        asyncio.run(FakeAirflow().logins_of_ours().caller("Bearer x.y.z"))
    assert refused.value.status == 401
    assert "canary" not in str(refused.value)


def guess(number: int) -> str:
    return f"Basic {base64.b64encode(f'alice:{number}'.encode()).decode()}"


async def refusals(*calls: Any) -> list[int]:
    """Return the statuses of calls at the same time, each of which is refused."""
    answers = await asyncio.gather(*calls, return_exceptions=True)
    statuses = [answer.status for answer in answers if isinstance(answer, Refused)]
    assert len(statuses) == len(calls), answers
    return statuses


def still() -> float:
    """A clock that stands still: whatever has been held back stays so."""
    return 0.0


def test_in_a_flood_of_guesses_few_reach_airflow_and_the_right_password_always_does() -> None:
    airflow = FakeAirflow()

    async def ask() -> None:
        logins = airflow.logins_of_ours(kept_seconds=0, limit=LoginLimit(clock=still))
        await logins.caller(ALICE, "proxy")
        flood = asyncio.create_task(refusals(*(logins.caller(guess(number), "proxy") for number in range(2000))))
        for _ in range(20):  # each logs in again, from the address of those who guess
            await logins.caller(ALICE, "proxy")
        statuses = await flood
        assert statuses.count(401) == EACH.burst
        assert statuses.count(429) == 2000 - EACH.burst
        assert airflow.logins == 21 + EACH.burst

    asyncio.run(ask())


def test_who_is_held_back_is_told_for_how_long_and_other_addresses_are_not() -> None:
    airflow = FakeAirflow()

    async def ask() -> None:
        logins = airflow.logins_of_ours(limit=LoginLimit(clock=still))
        await refusals(*(logins.caller(guess(number), "192.0.2.1") for number in range(50)))
        with pytest.raises(Refused, match="Too many wrong logins") as refused:
            await logins.caller(ALICE, "192.0.2.1")
        assert (refused.value.status, refused.value.retry_after) == (429, 5)
        assert (await logins.caller(ALICE, "192.0.2.2")).token
        # Now they are known, wherever they come from.
        assert (await logins.caller(ALICE, "192.0.2.1")).token

    asyncio.run(ask())


def test_right_logins_are_never_held_back_however_many_come_and_use_nothing_up() -> None:
    airflow = FakeAirflow()

    async def ask() -> None:
        logins = airflow.logins_of_ours(kept_seconds=0, most_kept=0, limit=LoginLimit(Rate(1, 1e9), clock=still))
        for _ in range(5):
            await logins.caller(ALICE)

    asyncio.run(ask())


def test_a_wrong_password_that_is_sent_again_and_again_is_one_guess() -> None:
    airflow = FakeAirflow()

    async def ask() -> None:
        logins = airflow.logins_of_ours(limit=LoginLimit(clock=still))
        for _ in range(30):
            assert await refusals(logins.caller(COLON)) == [401]

    asyncio.run(ask())
    assert airflow.logins == 1


def test_who_changes_the_password_makes_the_old_one_a_guess_like_any_other() -> None:
    airflow = FakeAirflow()

    async def ask() -> None:
        logins = airflow.logins_of_ours(kept_seconds=0, refused_seconds=0, limit=LoginLimit(Rate(1, 1e9), clock=still))
        await logins.caller(ALICE)
        airflow.password = "another"
        # The first is let past the limit, since it was right before.
        assert [await refusals(logins.caller(ALICE)) for _ in range(3)] == [[401], [401], [429]]

    asyncio.run(ask())
    assert airflow.logins == 3


def test_a_login_that_fails_for_airflow_s_sake_makes_nobody_unknown() -> None:
    airflow = FakeAirflow()

    async def ask() -> None:
        logins = airflow.logins_of_ours(kept_seconds=0, limit=LoginLimit(Rate(1, 1e9), clock=still))
        await logins.caller(ALICE)
        airflow.status = 500
        assert [await refusals(logins.caller(ALICE)) for _ in range(3)] == [[500]] * 3
        airflow.status = 201
        assert (await logins.caller(ALICE)).token

    asyncio.run(ask())


@pytest.mark.parametrize(("status", "answer"), [(500, 500), (404, 401), (405, 401)])
def test_a_login_that_is_not_checked_does_not_count_as_a_wrong_one(status: int, answer: int) -> None:
    airflow = FakeAirflow()
    airflow.status = status

    async def ask() -> None:
        logins = airflow.logins_of_ours(limit=LoginLimit(Rate(1, 1e9), clock=still))
        assert [await refusals(logins.caller(ALICE)) for _ in range(3)] == [[answer]] * 3
        airflow.status = 201
        assert (await logins.caller(ALICE)).token

    asyncio.run(ask())


def test_an_airflow_that_fails_without_an_answer_counts_as_no_wrong_login() -> None:
    def fails() -> FastAPI:
        raise RuntimeError("the app can't be built")

    async def ask() -> None:
        logins = Logins(AirflowApi(fails), limit=LoginLimit(Rate(1, 1e9), clock=still))
        for _ in range(3):
            with pytest.raises(RuntimeError):
                await logins.caller(ALICE)

    asyncio.run(ask())


@pytest.mark.parametrize("status", [400, 401, 403, 422, 429])
def test_each_way_to_refuse_credentials_counts_as_a_wrong_login(status: int) -> None:
    airflow = FakeAirflow()
    airflow.status = status

    async def ask() -> None:
        logins = airflow.logins_of_ours(limit=LoginLimit(Rate(1, 1e9), clock=still))
        assert [await refusals(logins.caller(guess(number))) for number in range(3)] == [[401], [429], [429]]

    asyncio.run(ask())


def test_a_guess_whose_caller_does_not_wait_for_the_answer_counts_as_a_wrong_login() -> None:
    airflow = FakeAirflow()

    async def ask() -> None:
        logins = airflow.logins_of_ours(limit=LoginLimit(Rate(1, 1e9), clock=still))
        asking = asyncio.create_task(logins.caller(guess(0)))
        while not airflow.logins:
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert await refusals(logins.caller(guess(1))) == [429]

    asyncio.run(ask())


def test_while_airflow_fails_guesses_at_the_same_time_are_limited_all_the_same() -> None:
    airflow = FakeAirflow()
    airflow.status = 500

    async def ask() -> None:
        logins = airflow.logins_of_ours(limit=LoginLimit(clock=still))
        statuses = await refusals(*(logins.caller(guess(number)) for number in range(50)))
        assert statuses.count(500) == EACH.burst
        assert statuses.count(429) == 50 - EACH.burst

    asyncio.run(ask())


def test_what_is_remembered_of_credentials_is_bounded() -> None:
    airflow = FakeAirflow()

    async def ask() -> None:
        limit = LoginLimit(Rate(1000, 1.0), Rate(1000, 1.0))
        logins = airflow.logins_of_ours(limit=limit)
        await refusals(*(logins.caller(guess(number)) for number in range(50)))
        sizes = {name: len(kept) for name, kept in vars(logins).items() if hasattr(kept, "__len__")}
        assert sizes["_refused"] == 10
        assert all(size <= 10 or name == "_key" for name, size in sizes.items())

    asyncio.run(ask())
