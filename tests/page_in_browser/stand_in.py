"""Stands in for the page's data routes and for Airflow's UI around it, so that the page runs without an Airflow."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from dag_factory.api_server.page import files
from dag_factory.api_server.page.files import PageFiles
from tests.page_in_browser.rows import Row

PREFIX = "/openmetadata-pipelines"
POLICY = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'self'"
# As Airflow 3.3's UI does.
SANDBOX = "allow-scripts allow-same-origin allow-forms allow-downloads"
PORTION = 40

_TESTS: dict[str, Callable[[Row, str], bool]] = {
    "state": lambda row, value: bool(row["warnings"]) if value == "warnings" else row["state"] == value,
    "last": lambda row, value: (row["last_run"] or {"state": "none"})["state"] == value,
    "paused": lambda row, value: str(row["paused"]).lower() == value,
    "type": lambda row, value: row["type"] == value,
    "service": lambda row, value: row["service"]["name"] == value,
    "q": lambda row, value: value.lower() in f"{row['name']} {row['dag_id']}".lower(),
}
_KEYS: dict[str, Callable[[Row], Any]] = {
    "name": lambda row: row["name"],
    "last_run": lambda row: (row["last_run"] or {"start": ""})["start"],
    "next_run": lambda row: row["next_run"] or "",
}


class StandIn:
    """
    The data routes over some rows, as `app`.

    ``status`` other than 200 makes all data routes refuse; ``asked`` has the queries for lists, ``acted`` the actions
    with the DAG ids that they were for, ``largest_body`` how many bytes one has sent.
    """

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self.status = 200
        self.difference: dict[str, Any] | None = None
        self.asked: list[str] = []
        self.acted: list[tuple[str, list[str]]] = []
        self.largest_body = 0
        self.app = FastAPI(openapi_url=None)
        self.app.state.files = PageFiles()
        self.app.get(f"{PREFIX}/static/{{name}}")(files.file)
        self.app.get(f"{PREFIX}/static/{{version}}/{{name}}")(files.file_of_version)
        self.app.get(f"{PREFIX}/")(_page)
        self.app.get(f"{PREFIX}/pipeline")(_page)
        self.app.get(f"{PREFIX}/data/overview")(self._overview)
        self.app.get(f"{PREFIX}/data/pipelines")(self._pipelines)
        self.app.get(f"{PREFIX}/data/pipelines/{{dag_id}}")(self._pipeline)
        self.app.post(f"{PREFIX}/data/actions")(self._act)
        self.app.get("/plugin/openmetadata")(lambda: _frame(f"{PREFIX}/"))
        self.app.get("/dags/{dag_id}/plugin/openmetadata-pipeline")(_tab)
        self.app.get("/{rest:path}")(lambda rest: HTMLResponse(f"<title>Airflow</title>Airflow's page /{escape(rest)}"))

    def _refusal(self) -> Response | None:
        return None if self.status == 200 else JSONResponse({"error": "You may not read DAGs."}, self.status)

    def _overview(self) -> Any:
        counts = {name: len(self._matching({"state": name})) for name in ("good", "last_good", "broken", "warnings")}
        counts |= {"paused": len(self._matching({"paused": "true"})), "all": len(self.rows)}
        counts |= {
            "running": len(self._matching({"last": "running"})),
            "failed": len(self._matching({"last": "failed"})),
        }
        return self._refusal() or {
            "counts": counts,
            "types": sorted({row["type"] for row in self.rows}),
            "services": sorted({row["service"]["name"] for row in self.rows}),
            "difference": self.difference,
        }

    def _pipelines(self, request: Request) -> Any:
        self.asked.append(request.url.query)
        query = dict(request.query_params)
        page, size = int(query.get("page", 1)), int(query.get("size", 50))
        sort = query.get("sort", "name")
        found = sorted(self._matching(query), key=_KEYS[sort.lstrip("-")], reverse=sort.startswith("-"))
        shown = [{**row, "history": row["history"][-10:]} for row in found[(page - 1) * size : page * size]]
        pages = -(-len(found) // size)
        return self._refusal() or {"total": len(found), "pages": pages, "page": page, "size": size, "pipelines": shown}

    def _pipeline(self, dag_id: str) -> Any:
        row = next((row for row in self.rows if row["dag_id"] == dag_id), None)
        return self._refusal() or row or JSONResponse({"error": f"The DAG '{dag_id}' is unknown."}, 404)

    async def _act(self, request: Request) -> Any:
        self.largest_body = max(self.largest_body, len(await request.body()))
        body = await request.json()
        if (refusal := self._refusal()) is not None:
            return refusal
        dag_ids = body.get("dag_ids") or [row["dag_id"] for row in self._matching(body.get("filter", {}))]
        if body.get("dry_run"):
            return {"total": len(dag_ids), "dag_ids": dag_ids}
        most = PORTION if "dag_ids" in body else len(dag_ids)
        now, left = dag_ids[:most], dag_ids[most:]
        self.acted.append((body["action"], now))
        by_id = {row["dag_id"]: row for row in self.rows}
        right = "trigger" if body["action"] in ("trigger", "retry") else "edit"
        refused = [dag_id for dag_id in now if by_id[dag_id]["may"][right] is False]
        for dag_id in set(now) - set(refused):
            if body["action"] in ("pause", "unpause"):
                by_id[dag_id]["paused"] = body["action"] == "pause"
        reasons = [{"dag_id": dag_id, "reason": f"You may not {body['action']} it."} for dag_id in refused]
        return {"done": len(now) - len(refused), "refused": reasons, "left": left}

    def _matching(self, query: dict[str, str]) -> list[Row]:
        tests = [(_TESTS[name], value) for name, value in query.items() if name in _TESTS]
        return [row for row in self.rows if all(test(row, value) for test, value in tests)]


def _page(request: Request) -> Response:
    page: Response = request.app.state.files.answer("page.html")
    page.headers["Content-Security-Policy"] = POLICY
    return page


def _tab(dag_id: str) -> HTMLResponse:
    return _frame(f"{PREFIX}/pipeline?dag_id={quote(dag_id)}")


def _frame(address: str) -> HTMLResponse:
    style = "border: 0; width: 100%; height: 95vh"
    return HTMLResponse(
        f"<!doctype html><title>Airflow</title><body>"
        f'<iframe sandbox="{SANDBOX}" src="{escape(address)}" style="{style}"></iframe>'
    )
