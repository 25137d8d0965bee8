from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.datastructures import Headers

from dag_factory.api_server.api.answers import answer_errors
from dag_factory.api_server.api.browsers import DOCS, OwnPagesOnly, is_foreign, is_json
from dag_factory.api_server.api.transport import InProcessTransport

OWN = ("https://airflow.example.com/data/",)


def headers(*lines: tuple[str, str]) -> Headers:
    return Headers(raw=[(name.lower().encode(), value.encode()) for name, value in lines])


@pytest.mark.parametrize(
    ("lines", "foreign"),
    [
        ([], False),
        ([("Sec-Fetch-Site", "same-origin")], False),
        ([("Sec-Fetch-Site", "none")], False),
        ([("Sec-Fetch-Site", "cross-site")], True),
        ([("Sec-Fetch-Site", "same-site")], True),
        ([("Sec-Fetch-Site", "something-new")], True),
        ([("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")], True),
        # A proxy that changes the host changes no word of the browser.
        ([("Sec-Fetch-Site", "same-origin"), ("Origin", "https://data.example.com")], False),
        ([("Sec-Fetch-Site", "cross-site"), ("Origin", "http://host:8080")], True),
        ([("Origin", "http://host:8080")], False),
        ([("Origin", "HTTP://HOST:8080")], False),
        ([("Origin", "https://host:8080")], False),  # behind a proxy that ends TLS
        ([("Origin", "https://airflow.example.com")], False),
        ([("Origin", "https://airflow.example.com:443")], False),
        ([("Origin", "http://airflow.example.com")], True),
        ([("Origin", "http://host")], True),
        ([("Origin", "http://host:8081")], True),
        ([("Origin", "http://evil.example")], True),
        ([("Origin", "http://host:8080.evil.example")], True),
        ([("Origin", "http://host:8080@evil.example")], True),
        ([("Origin", "http://evil.example/http://host:8080")], True),
        ([("Origin", "null")], True),
        ([("Origin", "")], True),
        ([("Origin", "http://")], True),
        ([("Origin", "http://[::1")], True),
        ([("Origin", "http://host:port")], True),
        ([("Origin", "file://")], True),
        ([("Origin", "chrome-extension://host:8080")], True),
        ([("Origin", "http://host:8080"), ("Origin", "http://evil.example")], True),
    ],
)
def test_what_says_that_it_comes_from_another_origin_is_foreign(lines: list[tuple[str, str]], foreign: bool) -> None:
    assert is_foreign(headers(("Host", "host:8080"), *lines), OWN) is foreign


def test_a_port_that_goes_without_saying_may_be_said() -> None:
    assert not is_foreign(headers(("Host", "host:443"), ("Origin", "https://host")))
    assert not is_foreign(headers(("Host", "host"), ("Origin", "http://host:80")))


def test_without_a_host_only_a_set_address_is_one_s_own() -> None:
    assert not is_foreign(headers(("Origin", "https://airflow.example.com")), OWN)
    assert is_foreign(headers(("Origin", "http://host:8080")), OWN)
    assert is_foreign(headers(("Origin", "http://host:8080")), [""])


@pytest.mark.parametrize(
    ("kinds", "json"),
    [
        (["application/json"], True),
        (["application/json; charset=utf-8"], True),
        (["Application/JSON;charset=UTF-8"], True),
        ([], False),
        ([""], False),
        (["text/plain"], False),
        (["text/plain; application/json"], False),
        (["text/plain, application/json"], False),
        (["application/json, text/plain"], False),
        (["application/x-www-form-urlencoded"], False),
        (["multipart/form-data; boundary=application/json"], False),
        (["application/json-patch+json"], False),
        (["application/jsonp"], False),
        (["application/json", "text/plain"], False),
    ],
)
def test_a_body_is_json_where_it_is_said_once_that_it_is(kinds: list[str], json: bool) -> None:
    assert is_json(headers(*(("Content-Type", kind) for kind in kinds))) is json


def ask(method: str, path: str = "/call", **options: Any) -> tuple[httpx.Response, list[str]]:
    """Send a request to an app that notes what reaches it."""
    reached: list[str] = []
    app = FastAPI(docs_url=None)
    answer_errors(app)
    app.add_middleware(OwnPagesOnly)

    @app.api_route("/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"])
    async def call(request: Request) -> dict[str, str]:
        reached.append(request.method)
        return {}

    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=InProcessTransport(lambda: app), base_url="http://host:8080") as client:
            return await client.request(method, path, **options)

    return asyncio.run(send()), reached


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
def test_nothing_foreign_reaches_a_call_by_any_method(method: str) -> None:
    for header in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
        answer, reached = ask(method, headers={**header, "Content-Type": "application/json"})
        assert answer.status_code == 403
        assert reached == []


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_body_of_another_kind_reaches_no_call_and_neither_does_none(method: str) -> None:
    for options in ({"content": b"{}", "headers": {"Content-Type": "text/plain"}}, {"data": {"a": "b"}}, {}):
        answer, reached = ask(method, **options)
        assert (answer.status_code, reached) == (415, [])
        assert answer.json()["error"].endswith("Send it with the header 'Content-Type: application/json'.")
    assert ask(method, json={})[1] == [method]


def test_a_method_is_what_the_request_line_says() -> None:
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        assert ask("GET", "/call?_method=DELETE", headers={name: "DELETE"})[1] == ["GET"]


def test_a_link_to_the_page_about_the_api_may_stand_anywhere() -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert ask("GET", DOCS, headers=link)[0].status_code == 200
    assert ask("GET", "/delete", headers=link)[0].status_code == 403
    assert ask("POST", DOCS, headers=link, json={})[0].status_code == 403
    # Neither in a frame nor for a script.
    assert ask("GET", DOCS, headers={**link, "Sec-Fetch-Dest": "iframe"})[0].status_code == 403
    assert ask("GET", DOCS, headers={**link, "Sec-Fetch-Mode": "no-cors"})[0].status_code == 403


def test_every_answer_says_that_a_browser_is_to_keep_guess_and_frame_nothing_of_it() -> None:
    for method, path in (("GET", "/call"), ("POST", "/call"), ("OPTIONS", "/call")):
        answer, _ = ask(method, path, headers={"Origin": "http://host:8080"})
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "Access-Control-Allow-Origin" not in answer.headers
