"""The server deploys again what is lost: in portions, past what fails, and until it does not answer any more."""

from __future__ import annotations

import threading

import pytest

from dag_factory.api_server.sync.difference import ONLY_ON_SERVER, Differing
from dag_factory.api_server.sync.redeploy import Redeployed, redeploy
from dag_factory.api_server.sync.server_api import RefusedError, ServerApi
from dag_factory.errors import ServerError, ServerUnavailable
from tests.api_server.sync.servers import Document, Failure, Server


def lost(server: Server, *names: str) -> list[Differing]:
    return [
        Differing(ONLY_ON_SERVER, name, str(server.add(name)["id"]), name, "metadata", "pg_svc", None, "")
        for name in names
    ]


def deployed(
    server: Server,
    pipelines: list[Differing],
    *,
    portion: int = 3,
    at_once: int = 2,
    seconds: float = 10,
    retry_seconds: float = 0,
    most_failures: int = 100,
) -> list[Redeployed]:
    def open_api(stopped: threading.Event) -> ServerApi:
        return ServerApi(server.connection, seconds=seconds, retry_seconds=retry_seconds, stopped=stopped)

    results = redeploy(open_api, pipelines, portion=portion, at_once=at_once, most_failures=most_failures)
    return list(results)


def problems(results: list[Redeployed]) -> dict[str, str | None]:
    return {each.pipeline.dag_id: each.problem for each in results}


def test_all_are_deployed_in_portions_some_at_a_time(server: Server) -> None:
    pipelines = lost(server, *(f"p{number:02}" for number in range(10)))
    assert problems(deployed(server, pipelines)) == dict.fromkeys((each.dag_id for each in pipelines), None)
    assert sorted(server.deployed) == [each.name for each in pipelines]
    assert server.requests.count("POST /bulk/deploy") == 3
    assert 1 <= server.most_at_once <= 2


def test_nothing_lost_asks_for_nothing(server: Server) -> None:
    assert deployed(server, []) == []
    assert server.requests == []


@pytest.mark.parametrize("is_old", [False, True])
def test_one_that_fails_is_named_and_stops_no_other(server: Server, is_old: bool) -> None:
    server.is_old = is_old
    pipelines = lost(server, "a", "bad", "c", "d")

    def refuse(document: Document) -> None:
        if document["name"] == "bad":
            raise Failure("airflow said no\nwhy \x1b[31m")

    server.deploys = refuse
    assert problems(deployed(server, pipelines)) == {"a": None, "bad": "airflow said no why [31m", "c": None, "d": None}


def test_one_that_was_deleted_meanwhile_is_no_failure(server: Server) -> None:
    pipelines = lost(server, "a", "gone")
    del server.pipelines[pipelines[1].id]
    results = {each.pipeline.dag_id: each for each in deployed(server, pipelines)}
    assert results["gone"].is_gone
    assert results["gone"].problem is None


def test_a_server_without_the_call_for_many_is_asked_for_each(server: Server) -> None:
    server.answers = lambda line: 405 if "bulk" in line else None
    assert problems(deployed(server, lost(server, "a", "b", "c"))) == {"a": None, "b": None, "c": None}


@pytest.mark.parametrize("answers", [[], [{"code": 200}], {"code": 200}, "text", None], ids=range(5))
def test_an_answer_for_others_than_were_asked_for_counts_for_none(server: Server, answers: object) -> None:
    class Api(ServerApi):
        def post(self, path: str, body: object = None) -> object:
            return answers if "bulk" in path else super().post(path, body)

    results = redeploy(lambda _: Api(server.connection, retry_seconds=0), lost(server, "a", "b"), at_once=1)
    assert problems(list(results)) == {"a": None, "b": None}
    assert server.deployed == ["a", "b"]


def test_a_server_that_dies_midway_stops_it_and_what_was_deployed_stays_so(server: Server) -> None:
    pipelines = lost(server, *(f"p{number}" for number in range(9)))

    def die(document: Document) -> None:
        server.is_dead = server.is_dead or document["name"] == "p4"

    server.deploys = die
    results: list[Redeployed] = []
    with pytest.raises(ServerUnavailable, match=r"does not answer: \w+. Is it running"):
        results.extend(
            redeploy(lambda _: ServerApi(server.connection, retry_seconds=0), pipelines, portion=3, at_once=1)
        )
    assert len(server.deployed) < 9
    server.is_dead, server.deploys = False, lambda document: None
    assert set(problems(deployed(server, pipelines)).values()) == {None}


@pytest.mark.slow
def test_a_server_that_comes_back_in_time_is_not_noticed(server: Server) -> None:
    pipelines = lost(server, "a", "b")
    asked = 0

    def fail_at_first(line: str) -> int | None:
        nonlocal asked
        asked += 1
        return 503 if asked < 3 else None

    server.answers = fail_at_first
    assert problems(deployed(server, pipelines, retry_seconds=60)) == {"a": None, "b": None}


def test_a_refused_token_ends_it_with_the_way_out(server: Server) -> None:
    server.answers = lambda line: 401
    with pytest.raises(RefusedError, match=r"answers 401: .*Renew the token"):
        deployed(server, lost(server, "a", "b"))
    assert len(server.requests) == 1


def test_a_user_who_may_not_deploy_some_is_told_which(server: Server) -> None:
    pipelines = lost(server, "a", "b")
    server.answers = lambda line: 403 if line.endswith(pipelines[0].id) or "bulk" in line else None
    assert problems(deployed(server, pipelines)) == {"a": "refused with 403", "b": None}


def test_a_server_that_answers_slowly_is_given_the_time_it_has(server: Server) -> None:
    server.waits = 0.5
    assert problems(deployed(server, lost(server, "a"))) == {"a": None}
    with pytest.raises(ServerUnavailable, match="ReadTimeout"):
        deployed(server, lost(server, "a"), seconds=0.1)


def test_where_all_fail_the_rest_are_left(server: Server) -> None:
    def refuse(document: Document) -> None:
        raise Failure("Airflow is down")

    server.deploys = refuse
    with pytest.raises(ServerError, match="the last 4 deploys failed, the rest are left: Airflow is down"):
        deployed(server, lost(server, *(f"p{number}" for number in range(20))), portion=2, at_once=1, most_failures=4)
    assert len([line for line in server.requests if "bulk" in line]) < 10
