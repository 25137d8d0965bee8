"""
What a browser loads: the page, of all pipelines or of one, with its scripts, styles and pictures.

Scripts and styles have a version in their address, by which a browser keeps them: it asks for each of them once,
however often somebody opens the page.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response

from dag_factory.api_server.api.answers import Refused
from dag_factory.api_server.page.visitor import visitor_of

router = APIRouter(include_in_schema=False)

STATIC = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
_ASKED_FOR_AGAIN = "no-cache"
# Airflow may add a cookie to any answer, which no cache of several users may keep.
_KEPT = "private, max-age=31536000, immutable"
_DIGITS = 16


class PageFiles:
    """
    The files as they are in a folder when this is made, at the start: after an upgrade, others are there.

    In the addresses of a page's scripts and styles is the version of all files.
    """

    def __init__(self, folder: Path = STATIC) -> None:
        files = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix in _TYPES}
        digest = hashlib.sha256()
        for name, content in files.items():
            digest.update(f"{name} {len(content)} ".encode() + content)
        self.version = digest.hexdigest()[:_DIGITS]
        versioned = f'="static/{self.version}/'.encode()
        self._contents = {
            name: content.replace(b'="static/', versioned) if name.endswith(".html") else content
            for name, content in files.items()
        }

    def answer(self, name: str, *, version: str = "", status: int = 200) -> Response:
        """
        Return a file as a browser gets it, which keeps it where the address has this version.

        :raises Refused: for a name that no file has
        """
        if name not in self._contents:
            raise Refused(404, "This file of the page is unknown.")
        # While API servers are upgraded one by one, a page may come from one of them and its files from another.
        headers = {"Cache-Control": _KEPT if version == self.version else _ASKED_FOR_AGAIN}
        return Response(self._contents[name], status, headers, media_type=_TYPES[Path(name).suffix])


@router.get("/")
async def pipelines(request: Request) -> Response:
    return await _page(request)


@router.get("/pipeline")
async def pipeline(request: Request) -> Response:
    return await _page(request)


@router.get("/static/{name}")
async def file(request: Request, name: str) -> Response:
    """Return a file by an address that stays, such as that of the icon, which Airflow's UI has."""
    return _files(request).answer(name)


@router.get("/static/{version}/{name}")
async def file_of_version(request: Request, version: str, name: str) -> Response:
    return _files(request).answer(name, version=version)


async def _page(request: Request) -> Response:
    """Return the page; to a browser without a login, one that says how to log in."""
    try:
        await visitor_of(request)
    except Refused as refusal:
        if refusal.status != 401:
            raise
        return _files(request).answer("login.html", status=401)
    return _files(request).answer("page.html")


def _files(request: Request) -> PageFiles:
    files: PageFiles = request.app.state.files
    return files
