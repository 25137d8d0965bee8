"""What the page of another site can do through the Chromium of somebody who has logged in here by Basic: nothing."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dag_factory.api_server.api.app import PREFIX, create_app
from dag_factory.store.folder.folder_store import FolderStore
from sandbox.browser import Browser
from sandbox.client import wait_until
from sandbox.stack import free_port
from tests.airflow_versions import AUTH_MANAGER
from tests.e2e.pipelines import sample
from tests.serving import serving

pytestmark = [
    pytest.mark.e2e,
    # Airflow imports the test client of an HTTP library that is about to be replaced.
    pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`"),
]

USERNAME, PASSWORD = "alice", "secret"
LOGGED_IN = f"Basic {base64.b64encode(f'{USERNAME}:{PASSWORD}'.encode()).decode()}"
UNFENCED = "/unfenced"

# The host of Airflow, and that of the page that attacks. To a host of this machine Chromium says by `Sec-Fetch-Site`
# where a request comes from; to one of the network, over plain HTTP, it says no such thing.
HOSTS = {
    "another port": ("127.0.0.1", "127.0.0.1"),
    "another host": ("127.0.0.1", "localhost"),
    "a network without TLS": ("airflow.example", "evil.example"),
}

# What a page can do without being asked to: each is a script, with an address and a document to send there.
SUBMIT = """
    const form = Object.assign(document.createElement('form'), {action: arguments[0], method: 'POST', enctype: KIND});
    const [start, end] = [arguments[1].slice(0, -1) + ',"x":"', '"}'];
    form.append(Object.assign(document.createElement('input'), {name: start, value: end}));
    document.body.append(form);
    form.submit();
"""
CHANGES = {
    "a form of plain text": SUBMIT.replace("KIND", "'text/plain'"),
    "a form": SUBMIT.replace("KIND", "'application/x-www-form-urlencoded'"),
    "a form with files": SUBMIT.replace("KIND", "'multipart/form-data'"),
    "a form in a frame without an origin": """
        const frame = document.createElement('iframe');
        frame.sandbox = 'allow-forms allow-scripts';
        const [start, end] = [arguments[1].slice(0, -1) + ',"x":"', '"}'];
        frame.srcdoc = `<form action="${arguments[0]}" method="POST" enctype="text/plain">
            <input name='${start}' value='${end}'></form><script>document.forms[0].submit()</script>`;
        document.body.append(frame);
    """,
    "a fetch that reads nothing": """
        fetch(arguments[0], {method: 'POST', mode: 'no-cors', credentials: 'include', body: arguments[1]});
    """,
    "a beacon": "navigator.sendBeacon(arguments[0], new Blob([arguments[1]], {type: 'text/plain'}));",
    "a fetch of JSON": """
        const headers = {'Content-Type': 'application/json'};
        fetch(arguments[0], {method: 'POST', credentials: 'include', headers, body: arguments[1]}).catch(() => 0);
    """,
}
READS = {
    "an image": "new Image().src = arguments[0];",
    "a script": "document.body.append(Object.assign(document.createElement('script'), {src: arguments[0]}));",
    "a link": "location.href = arguments[0];",
    "a fetch": "fetch(arguments[0], {credentials: 'include'}).catch(() => 0);",
    "a deletion": "fetch(arguments[0], {method: 'DELETE', credentials: 'include'}).catch(() => 0);",
}


@dataclass(frozen=True)
class Asked:
    """One request, as it came, and how it was answered."""

    method: str
    path: str
    headers: dict[str, str]
    status: int

    @property
    def logged_in(self) -> bool:
        return self.headers.get("authorization") == LOGGED_IN


class Recorder:
    """Notes each request and its answer's status."""

    def __init__(self, app: ASGIApp, asked: list[Asked]) -> None:
        self._app = app
        self._asked = asked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = {name.decode(): value.decode() for name, value in scope["headers"]}
                self._asked.append(Asked(scope["method"], scope["path"], headers, message["status"]))
            await send(message)

        await self._app(scope, receive, noted if scope["type"] == "http" else send)


@dataclass
class Site:
    """Airflow's API server as far as it is needed here, and beside our API one that has no fences."""

    store: FolderStore
    folder: Path
    port: int = field(default_factory=free_port)
    asked: list[Asked] = field(default_factory=list)
    deployed_unfenced: list[Any] = field(default_factory=list)

    def app(self) -> ASGIApp:
        airflow, app = FastAPI(), FastAPI()

        @airflow.post("/auth/token")
        async def login(request: Request) -> Response:
            right = await request.json() == {"username": USERNAME, "password": PASSWORD}
            return JSONResponse({"access_token": "token"} if right else {}, 201 if right else 401)

        def ask_for_password(request: Request) -> Response | None:
            """As our API did it once, and as a proxy may still do it in front of us."""
            if request.headers.get("authorization") == LOGGED_IN:
                return None
            return Response(status_code=401, headers={"WWW-Authenticate": 'Basic realm="Airflow"'})

        @app.get("/login")
        async def page(request: Request) -> Response:
            return ask_for_password(request) or HTMLResponse("welcome")

        @app.get("/evil")
        async def evil() -> Response:
            return HTMLResponse("<body>nice kittens</body>")

        @app.api_route(UNFENCED + "/{call}", methods=["GET", "POST", "DELETE"])
        async def unfenced(request: Request) -> Response:
            self.deployed_unfenced.append((await request.body()).decode())
            return ask_for_password(request) or Response("done")

        app.mount(PREFIX, create_app(airflow=lambda: airflow, store=lambda: self.store))
        return Recorder(app, self.asked)


class Everybody:
    async def get_user_from_token(self, token: str) -> object:
        return token

    def is_authorized_dag(self, **_: object) -> bool:
        return True


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("configs")
    site = Site(FolderStore(folder), folder)
    app = site.app()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AUTH_MANAGER, Everybody())
        with serving(app, site.port):
            yield site


@pytest.fixture(scope="module")
def evil_port(site: Site) -> Iterator[int]:
    """The port of the page that attacks: another origin of the same server, which is as good as another server."""
    port = free_port()
    with serving(site.app(), port):
        yield port


@pytest.fixture(scope="module", params=HOSTS)
def attack(request: pytest.FixtureRequest, site: Site, evil_port: int) -> Iterator[Any]:
    """Run a script in a page of another site, in the browser of somebody who has logged in; return what came of it."""
    host, evil = HOSTS[request.param]
    with chromium(host, evil) as browser:
        browser.open(f"http://{USERNAME}:{PASSWORD}@{host}:{site.port}/login")
        assert browser.text == "welcome"

        def run(script: str, path: str, document: dict[str, Any] | None = None) -> list[Asked]:
            browser.open(f"http://{evil}:{evil_port}/evil")
            site.asked.clear()
            browser.run(script, f"http://{host}:{site.port}{path}", json.dumps(document))

            def look() -> tuple[list[Asked] | None, str]:
                found = [asked for asked in site.asked if asked.path == path.partition("?")[0]]
                return found or None, str(site.asked)

            return wait_until(look, "the request to arrive", timeout=30)

        yield run


def chromium(*hosts: str) -> Browser:
    """Return a browser that takes some hosts for this machine. Where none is installed, only CI is to notice."""
    if not Browser.is_installed() and "BROWSER_REQUIRED" not in os.environ:
        pytest.skip("Chromium and its driver are not installed (Debian: chromium, chromium-driver).")
    return Browser(hosts)


def deployed(name: str) -> dict[str, Any]:
    return sample(name, description="")


def test_a_form_of_another_site_deploys_where_there_are_no_fences(site: Site, attack: Any) -> None:
    """So the browser does what it is feared for, and the other tests show something."""
    (asked,) = attack(CHANGES["a form of plain text"], f"{UNFENCED}/deploy", deployed("forged"))
    assert asked.logged_in
    assert asked.status == 200
    assert json.loads(site.deployed_unfenced[-1])["name"] == "forged"


@pytest.mark.parametrize("kind", CHANGES)
def test_another_site_can_t_deploy(site: Site, attack: Any, kind: str) -> None:
    before = set(site.folder.iterdir())
    for asked in attack(CHANGES[kind], f"{PREFIX}/deploy", deployed("forged")):
        assert asked.status in (403, 405, 415), asked
        if "form" in kind and "frame" not in kind:
            assert asked.logged_in, asked
    assert set(site.folder.iterdir()) == before


@pytest.mark.parametrize("kind", READS)
def test_another_site_can_t_call_what_needs_no_body(attack: Any, kind: str) -> None:
    for call in ("delete?dag_id=forged", "status?dag_id=forged"):
        for asked in attack(READS[kind], f"{PREFIX}/{call}"):
            if {"sec-fetch-site", "origin"} & asked.headers.keys():
                assert asked.status == 403, asked
            else:  # a plain GET to a network without TLS says nothing of whence it comes; it changes nothing either
                assert (asked.method, asked.headers["host"][:7]) == ("GET", "airflow"), asked
                assert asked.status in ((405,) if call.startswith("delete") else (401, 404)), asked


def test_a_browser_is_never_asked_for_a_password(site: Site) -> None:
    with chromium() as browser:
        browser.open(f"http://{USERNAME}:{PASSWORD}@127.0.0.1:{site.port}{PREFIX}/health-auth")
        assert "Credentials are needed" in browser.text
        assert not any(asked.logged_in for asked in site.asked if asked.path.endswith("/health-auth"))
