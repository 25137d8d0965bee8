"""An OpenMetadata server as `diff` and `sync` meet it: it lists pipelines, deploys them, and fails where told to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import NAMESPACE_URL, uuid5

from dag_factory.store import writer
from dag_factory.store.folder.folder_store import FolderStore
from tests.places import TESTS

Document = dict[str, Any]

SAMPLE: Document = json.loads((TESTS / "samples" / "pg_metadata_hourly.json").read_text())
PREFIX = "/api/v1/services/ingestionPipelines"
TOKEN = "the-token"


class Failure(Exception):
    """A deploy that fails."""


class Server(ThreadingHTTPServer):
    """
    A server with pipelines, by their ids.

    :param pages: how many pages it has answered with
    :param deploys: what a deploy of a document does; raises Failure where it fails
    :param is_old: whether one failing pipeline makes the call for many fail, as in older servers
    :param answers: returns a status to answer a request with instead, by its line; None to answer it
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pipelines: dict[str, Document] = {}
        self.deploys: Callable[[Document], None] = lambda document: None
        self.answers: Callable[[str], int | None] = lambda line: None
        self.is_old = False
        self.is_dead = False
        self.waits = 0.0
        self.total: int | None = None
        self.requests: list[str] = []
        self.deployed: list[str] = []
        self.at_once = 0
        self.most_at_once = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def connection(self) -> Document:
        return {
            "hostPort": f"{self.url}/api",
            "authProvider": "openmetadata",
            "securityConfig": {"jwtToken": TOKEN},
        }

    def add(self, name: str, *, service: str = "pg_svc", **fields: Any) -> Document:
        """Add a pipeline that the server takes for deployed, and return it."""
        fqn = f"{service}.{name}"
        pipeline = deepcopy(SAMPLE)
        del pipeline["openMetadataServerConnection"]
        pipeline |= {"id": id_of(fqn), "name": name, "displayName": name, "fullyQualifiedName": fqn}
        pipeline["service"] |= {"name": service, "fullyQualifiedName": service}
        pipeline |= {"deployed": True, **fields}
        self.pipelines[pipeline["id"]] = pipeline
        return pipeline

    def change(self, pipeline: Document, **fields: Any) -> None:
        """Change a pipeline, as a person does in the UI."""
        pipeline |= fields
        pipeline["version"] = round(pipeline["version"] + 0.1, 1)
        pipeline["updatedAt"] += 1000

    def deploy(self, id_: str) -> tuple[int, str]:
        """Deploy a pipeline as the server does; return the code and the reason."""
        pipeline = self.pipelines.get(id_)
        if pipeline is None:
            return 404, f"ingestionPipeline instance for {id_} not found"
        with self.lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            self.deploys({**deepcopy(pipeline), "openMetadataServerConnection": self.connection})
        except Failure as failure:
            return 500, str(failure)
        finally:
            with self.lock:
                self.at_once -= 1
        self.deployed.append(pipeline["name"])
        if not pipeline["deployed"]:
            self.change(pipeline, deployed=True)
        return 200, "deployed"

    def page(self, query: dict[str, list[str]]) -> Document:
        """Return a page of the pipelines, by their names."""
        after, limit = query.get("after", [""])[0], int(query["limit"][0])
        listed = sorted(
            (each for each in self.pipelines.values() if not each["deleted"]),
            key=lambda each: each["fullyQualifiedName"],
        )
        left = [each for each in listed if each["fullyQualifiedName"] > after]
        paging: Document = {"total": len(listed) if self.total is None else self.total}
        if len(left) > limit:
            paging["after"] = left[limit - 1]["fullyQualifiedName"]
        return {"data": left[:limit], "paging": paging}

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: that clients leave is part of what is tested."""


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.answer(self.got)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer(lambda path, query: self.posted(path, json.loads(body) if body else None))

    def answer(self, make: Callable[[str, dict[str, list[str]]], tuple[int, Any]]) -> None:
        url = urlsplit(self.path)
        line = f"{self.command} {url.path.removeprefix(PREFIX)}"
        self.server.requests.append(line)
        time.sleep(self.server.waits)
        status = self.server.answers(line)
        if self.server.is_dead:
            self.close_connection = True
            return
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            status = 401
        code, body = make(url.path.removeprefix(PREFIX), parse_qs(url.query)) if status is None else (status, None)
        if self.server.is_dead:
            return
        data = json.dumps(body if body is not None else {"code": code, "message": f"refused with {code}"}).encode()
        with suppress(ConnectionError):
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    def got(self, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        if not path:
            return 200, self.server.page(query)
        found = self.server.pipelines.get(path.strip("/"))
        return (200, found) if found is not None else (404, None)

    def posted(self, path: str, body: Any) -> tuple[int, Any]:
        if path == "/bulk/deploy":
            done = [self.server.deploy(id_) for id_ in body]
            if self.server.is_old and any(code != 200 for code, _ in done):
                return 500, {"code": 500, "message": "one of them failed"}
            return 200, [{"code": code, "reason": reason, "platform": "Airflow"} for code, reason in done]
        code, reason = self.server.deploy(path.removeprefix("/deploy/"))
        if code != 200:
            return (404 if code == 404 else 400), {"code": code, "message": reason}
        return 200, {"code": 200, "reason": reason, "platform": "Airflow"}

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def id_of(fqn: str) -> str:
    """Return the id that the server gives a pipeline."""
    return str(uuid5(NAMESPACE_URL, fqn))


def deploying_into(folder: Path) -> Callable[[Document], None]:
    """Return what a deploy to an Airflow does to its store: check, encrypt, persist, bump."""
    store = FolderStore(folder)

    def deploy(document: Document) -> None:
        writer.deploy(store, writer.checked(writer.parsed(json.dumps(document).encode())))

    return deploy
