"""What a browser loads: the page, of all pipelines or of one, with its scripts, styles and pictures."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from dag_factory.api_server.api.answers import Refused
from dag_factory.api_server.page.visitor import visitor_of

router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
# Served by the address without a version: a browser asks each time whether it has changed.
_ASKED_FOR_AGAIN = {"Cache-Control": "no-cache"}


@router.get("/")
async def pipelines(request: Request) -> Response:
    return await _page(request, "page.html")


@router.get("/pipeline")
async def pipeline(request: Request) -> Response:
    return await _page(request, "page.html")


@router.get("/static/{name}")
async def file(name: str) -> Response:
    return _file(name)


async def _page(request: Request, name: str) -> Response:
    """Return a page; to a browser without a login, one that says how to log in."""
    try:
        await visitor_of(request)
    except Refused as refusal:
        if refusal.status != 401:
            raise
        return _file("login.html", status=401)
    return _file(name)


def _file(name: str, status: int = 200) -> Response:
    path = _FOLDER / name
    # Only names of files that are there: a name can't lead out of the folder.
    if name not in {each.name for each in _FOLDER.iterdir()} or path.suffix not in _TYPES:
        raise Refused(404, "This file of the page is unknown.")
    return FileResponse(path, status_code=status, media_type=_TYPES[path.suffix], headers=_ASKED_FOR_AGAIN)
