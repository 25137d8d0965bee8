"""
What a browser loads: the page, of all pipelines or of one, with its scripts, styles and pictures.

All but the page itself have the version of the files in their address, by which a browser keeps them: it asks for each
of them once, however often somebody opens the page.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response

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
_ASKED_FOR_AGAIN = "no-cache"
_KEPT = "public, max-age=31536000, immutable"
_DIGITS = 16


@router.get("/")
async def pipelines(request: Request) -> Response:
    return await _page(request, "page.html")


@router.get("/pipeline")
async def pipeline(request: Request) -> Response:
    return await _page(request, "page.html")


@router.get("/static/{name}")
async def file(name: str) -> Response:
    """Return a file by an address that stays, such as that of the icon, which Airflow's UI has."""
    return answer(name)


@router.get("/static/{version}/{name}")
async def file_of_version(version: str, name: str) -> Response:
    # While API servers are upgraded one by one, a page may come from one of them and its files from another.
    current, _ = _served()
    return answer(name, caching=_KEPT if version == current else _ASKED_FOR_AGAIN)


def answer(name: str, *, status: int = 200, caching: str = _ASKED_FOR_AGAIN) -> Response:
    """
    Return a file as a browser gets it.

    :raises Refused: for a name that no file has
    """
    _, files = _served()
    if name not in files:
        raise Refused(404, "This file of the page is unknown.")
    return Response(files[name], status, {"Cache-Control": caching}, media_type=_TYPES[Path(name).suffix])


async def _page(request: Request, name: str) -> Response:
    """Return a page; to a browser without a login, one that says how to log in."""
    try:
        await visitor_of(request)
    except Refused as refusal:
        if refusal.status != 401:
            raise
        return answer("login.html", status=401)
    return answer(name)


@cache
def _served() -> tuple[str, Mapping[str, bytes]]:
    """Return the version of the files, and each by its name, with that version in the addresses of a page."""
    # Read once: after an upgrade, the files on disk are not those of the code that runs.
    files = {path.name: path.read_bytes() for path in sorted(_FOLDER.iterdir()) if path.suffix in _TYPES}
    digest = hashlib.sha256()
    for name, content in files.items():
        digest.update(f"{name} {len(content)} ".encode() + content)
    version = digest.hexdigest()[:_DIGITS]
    versioned = f'="static/{version}/'.encode()
    return version, {
        name: content.replace(b'="static/', versioned) if name.endswith(".html") else content
        for name, content in files.items()
    }
