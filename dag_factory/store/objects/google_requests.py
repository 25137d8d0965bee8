"""Requests to Google's Cloud Storage, by the calls of its JSON API that the client of fsspec can make."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import uuid4

from dag_factory.store.objects.entries import Entry, entry_of
from dag_factory.store.objects.failures import is_empty
from dag_factory.store.objects.object_requests import ObjectRequests

_OBJECT = "b/{}/o/{}"
_OBJECTS = "b/{}/o"


class GoogleRequests(ObjectRequests):
    """All conditions are part of the request, as ``ifGenerationMatch``: each write gives an object a new generation."""

    async def get(self, path: str, most: int) -> bytes:
        return (await self.get_with_entry(path, most))[0]

    async def get_with_entry(self, path: str, most: int) -> tuple[bytes, Entry]:
        place = f"{self._fs._location}/download/storage/v1/{_OBJECT}"
        first = {"Range": f"bytes=0-{most - 1}"}
        try:
            headers, data = await self._request("GET", place, *_split(path), alt="media", headers=first)
        except Exception as error:
            if not is_empty(error):
                raise
            return b"", await self.entry(path)
        changed = parsedate_to_datetime(headers["Last-Modified"])
        return data, entry_of({"generation": headers["X-Goog-Generation"], "size": len(data), "updated": changed})

    async def entry(self, path: str) -> Entry:
        return entry_of(await self._request("GET", _OBJECT, *_split(path), json_out=True))

    async def put(self, path: str, data: bytes, expected: str | None) -> str:
        return await self._upload(path, data, ifGenerationMatch=expected or "0")

    async def remove(self, path: str, expected: str) -> None:
        await self._request("DELETE", _OBJECT, *_split(path), ifGenerationMatch=expected)

    async def write(self, path: str, data: bytes) -> None:
        await self._upload(path, data)

    async def discard(self, path: str) -> None:
        with suppress(FileNotFoundError):
            await self._request("DELETE", _OBJECT, *_split(path))

    async def folder(self, path: str) -> list[Mapping[str, Any]]:
        return await self._listed(path, delimiter="/")

    async def find(self, path: str) -> list[Mapping[str, Any]]:
        return await self._listed(path)

    async def require(self, bucket: str) -> None:
        # It takes no other permission than listings do.
        await self._request("GET", _OBJECTS, bucket, maxResults="1", json_out=True)

    async def _listed(self, path: str, **options: str) -> list[Mapping[str, Any]]:
        bucket, key = _split(path)
        found: list[Mapping[str, Any]] = []
        page: Mapping[str, Any] = {"nextPageToken": None}
        while "nextPageToken" in page:
            place = {"prefix": f"{key}/" if key else None, "pageToken": page["nextPageToken"], **options}
            page = await self._request("GET", _OBJECTS, bucket, json_out=True, **place)
            found += [{**each, "name": f"{bucket}/{each['name']}", "type": "file"} for each in page.get("items", [])]
            folders = [name.rstrip("/") for name in page.get("prefixes", [])]
            found += [{"name": f"{bucket}/{name}", "type": "directory"} for name in folders]
        return found

    async def _upload(self, path: str, data: bytes, **condition: str) -> str:
        """Write an object in one request, and return its generation."""
        bucket, key = _split(path)
        between = uuid4().hex
        parts = [("application/json", json.dumps({"name": key}).encode()), ("application/octet-stream", data)]
        body = b"".join(
            f"--{between}\r\nContent-Type: {kind}\r\n\r\n".encode() + part + b"\r\n" for kind, part in parts
        )
        answer = await self._request(
            "POST",
            f"{self._fs._location}/upload/storage/v1/{_OBJECTS}",
            bucket,
            uploadType="multipart",
            headers={"Content-Type": f'multipart/related; boundary="{between}"'},
            data=body + f"--{between}--".encode(),
            json_out=True,
            **condition,
        )
        return str(answer["generation"])

    async def _request(self, method: str, place: str, *names: str, **options: Any) -> Any:
        try:
            return await self._fs._call(method, place, *names, **options)
        except OSError as error:
            # The client has no exception of its own for it.
            if str(error).startswith("Forbidden"):
                raise PermissionError("Forbidden") from error
            raise


def _split(path: str) -> tuple[str, str]:
    """Return the bucket's name and the object's, which may hold what clients take for a version."""
    bucket, _, key = path.partition("/")
    return bucket, key
