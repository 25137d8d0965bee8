"""The server as an ASGI app."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse

from sandbox.openmetadata import (
    deploys,
    entities,
    errors,
    executions,
    lineage,
    memory,
    page,
    profiles,
    quality,
    runs,
    schemas,
    search,
    seeds,
    usage,
)
from sandbox.openmetadata.access import bearer_of
from sandbox.openmetadata.catalogue import COLLECTIONS
from sandbox.openmetadata.collection import Document
from sandbox.openmetadata.journal import Journal, Recorder
from sandbox.openmetadata.store import BOT, Store, now

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
# The page loads nothing and runs nothing, whatever is in the names that it shows.
PAGE_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'", "Cache-Control": "no-store"}


def create_app(
    source_database: Path | None = None, token: str | None = None, base_url: str = "", kept: Path | None = None
) -> FastAPI:
    """
    Return a new server with a state of its own.

    With a token, every call below /api needs it, except for the version. ``base_url`` precedes the links in answers.
    ``kept`` is a file that holds the entities of the last server, and gets those of this one at its end.
    """
    store = Store(COLLECTIONS)
    store.base_url = base_url
    edges: lineage.Edges = {}
    journal = Journal()
    received = runs.Received()
    airflow = deploys.Deploys(store, token)
    seeds.plant(store, source_database)
    if kept is not None:
        memory.recall(kept, store, edges)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        if kept is not None:
            memory.remember(kept, store, edges)

    app = FastAPI(title="OpenMetadata sandbox", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    errors.answer_errors(app)
    app.add_middleware(Recorder, journal=journal)

    @app.get("/api/v1/system/version")
    async def version() -> Document:
        return {"version": schemas.server_version(), "revision": "sandbox", "timestamp": now()}

    api = APIRouter(prefix="/api/v1", dependencies=[Depends(bearer_of(token))] if token else [])

    @api.get("/users/loggedInUser")
    async def logged_in_user() -> Document:
        return {"name": BOT, "isBot": True}

    # Before the collections, whose routes would take these for a part of an entity.
    api.include_router(runs.routes(store, received))
    for special in (executions, profiles, usage, quality):
        api.include_router(special.routes(store))
    api.include_router(deploys.routes(store, airflow))
    api.include_router(entities.routes(store))
    api.include_router(lineage.routes(store, edges))
    api.include_router(search.routes(store))

    @api.api_route("/{path:path}", methods=METHODS)
    async def nothing_here(request: Request, path: str) -> JSONResponse:
        journal.note_unserved(request.method, f"/api/v1/{path}")
        return errors.error(404, f"The sandbox serves no {request.method} /api/v1/{path}")

    app.include_router(api)

    @app.put("/sandbox/pipeline_service", dependencies=[Depends(bearer_of(token))] if token else [])
    async def use_airflow(body: deploys.Object) -> Document:
        airflow.use(body["url"], body["username"], body["password"])
        return {"url": body["url"]}

    @app.get("/sandbox/summary")
    async def summary() -> Document:
        return page.summary(store, edges, journal)

    @app.get("/sandbox/statuses/{run_id}")
    async def statuses(run_id: str) -> list[Document]:
        return received.of(run_id)

    @app.get("/sandbox/requests")
    async def requests() -> Document:
        return {"requests": journal.dump()}

    @app.get("/")
    async def home() -> HTMLResponse:
        return HTMLResponse(page.render(store, edges, journal), headers=PAGE_HEADERS)

    return app
