"""Calls of a server whose endpoint ends in a slash, so that it requests ``//api/v1/openmetadata/…``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class FoldedSlashes:
    """
    Reduces several slashes at the beginning of a path to one, where our prefix follows.

    A middleware of all of Airflow's API server, which would answer such a call with its UI. It changes only the path's
    beginning, and only if exactly the prefix follows, so that all checks see the path with one slash.

    :param prefix: path of our app
    """

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and "//" in scope["path"]:
            scope = self._folded(scope)
        await self._app(scope, receive, send)

    def _folded(self, scope: Scope) -> Scope:
        path = scope["path"]
        # A proxy that serves Airflow below a path may have removed that path.
        for root in (scope.get("root_path", ""), ""):
            if path.startswith(f"{root}//"):
                within = f"/{path[len(root) :].lstrip('/')}"
                if within == self._prefix or within.startswith(f"{self._prefix}/"):
                    return {**scope, "path": f"{root}{within}", "raw_path": f"{root}{within}".encode()}
        return scope
