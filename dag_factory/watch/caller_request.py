"""Asking for a parse as a caller: with their rights, through Airflow's REST API."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from dag_factory.dag.builder import TAG
from dag_factory.watch.parses import Loader

if TYPE_CHECKING:
    from dag_factory.api.rest import Caller


class LoaderFiles:
    """
    The files that Airflow parses for our DAGs. Airflow's API knows them by the DAGs that they have made.

    Where they have made none yet, or a caller may not edit all of them, the loader's file is touched instead.
    """

    def __init__(self, loader: Loader) -> None:
        self._loader = loader
        self._tokens: set[str] = set()

    async def request_parse(self, caller: Caller) -> None:
        """Ask Airflow once to parse all of them."""
        if not self._tokens:
            self._tokens = await self._find(caller)
        for token in list(self._tokens):
            answer = await caller.send("PUT", f"/parseDagFile/{token}")
            # 409: the same request waits already.
            if answer.is_error and answer.status_code != httpx.codes.CONFLICT:
                self._tokens.discard(token)
        if not self._tokens:
            await asyncio.to_thread(self._loader.touch)

    async def _find(self, caller: Caller) -> set[str]:
        """Return Airflow's tokens of the files, as far as the caller may see their DAGs."""
        answer = await caller.send("GET", "/dags", params={"tags": TAG, "limit": 100})
        if answer.is_error:
            return set()
        # Others may use the tag as well.
        dags = [(str(dag["dag_id"]), str(dag["file_token"])) for dag in answer.json()["dags"]]
        return await asyncio.to_thread(self._loader.files, dags)


@dataclass(frozen=True)
class CallersRequest:
    """A request for a parse, made with the rights of our API's caller."""

    files: LoaderFiles
    caller: Caller

    async def send(self) -> None:
        """Ask once. Airflow may drop it."""
        await self.files.request_parse(self.caller)
