"""What is wrong with a connection to the server, the document's or Airflow's."""

from __future__ import annotations

from typing import Any

import pytest

from dag_factory.configs.validation.server_connection import doubtful_server, server

SERVER = "openMetadataServerConnection"
URL = "https://om.example/api"


def wrong(connection: object, *, is_given: bool = False) -> list[str]:
    """Return the fields that are wrong, below the connection; an empty name is the connection itself."""
    problems = server({SERVER: connection}, is_given=is_given)
    return [str(problem.field).removeprefix(SERVER).removeprefix(".") for problem in problems]


@pytest.mark.parametrize("connection", [None, [], "text", {"$env": "A"}, {}, {"hostPort": ""}, {"hostPort": None}])
def test_what_is_missing_is_wrong_unless_a_connection_of_airflow_s_gives_it(connection: object) -> None:
    field = "hostPort" if isinstance(connection, dict) and "$env" not in connection else ""
    assert wrong(connection) == [field]
    assert wrong(connection, is_given=True) == []


@pytest.mark.parametrize("host", [["https://om.example"], 8585, "om.example", "ftp://om.example", "http://[", "http://",
                                  "http://om:99999"])  # fmt: skip
@pytest.mark.parametrize("is_given", [False, True])
def test_a_host_that_is_not_a_url_is_wrong_whoever_gives_another_one(host: object, is_given: bool) -> None:
    assert wrong({"hostPort": host}, is_given=is_given) == ["hostPort"]


@pytest.mark.parametrize(
    ("security", "fields"),
    [
        (None, []),
        ({}, []),
        ({"jwtToken": None}, []),
        ({"jwtToken": "token"}, []),
        ({"jwtToken": {"$env": "A"}}, []),
        ({"$env": "A"}, []),
        # What is nearly a reference is the references' own to complain of.
        ({"jwtToken": {"$evn": "A"}}, []),
        ({"jwtToken": 5}, ["securityConfig.jwtToken"]),
        ({"jwtToken": {"env": "A"}}, ["securityConfig.jwtToken"]),
        ([], ["securityConfig"]),
        ("token", ["securityConfig"]),
    ],
)
def test_a_token_is_a_text_or_a_reference(security: object, fields: list[str]) -> None:
    assert wrong({"hostPort": URL, "securityConfig": security}) == fields


@pytest.mark.parametrize(
    ("connection", "fields"),
    [
        ({"hostPort": URL}, []),
        ({"hostPort": "https://om.example"}, ["hostPort"]),
        ({"hostPort": "https://om.example/"}, ["hostPort"]),
        ({"hostPort": "${HOST}"}, ["hostPort"]),
        ({"hostPort": URL, "securityConfig": {"jwtToken": "${TOKEN}"}}, ["securityConfig.jwtToken"]),
        ({"hostPort": URL, "securityConfig": []}, []),
        ({"$env": "A"}, []),
        ([], []),
    ],
)
def test_what_will_most_likely_fail_is_doubtful(connection: Any, fields: list[str]) -> None:
    assert [problem.field for problem in doubtful_server({SERVER: connection})] == [
        f"{SERVER}.{each}" for each in fields
    ]
