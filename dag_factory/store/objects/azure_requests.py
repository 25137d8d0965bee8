"""Requests to Azure's blob service, by the service's own client, which that of fsspec holds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from dag_factory.store.objects.clients import CONNECT_SECONDS, READ_SECONDS
from dag_factory.store.objects.entries import Entry, entry_of
from dag_factory.store.objects.failures import is_changed, is_empty
from dag_factory.store.objects.object_requests import ObjectRequests

# The service's client waits 18 seconds before its first retry, which is longer than a request of ours may take.
_OPTIONS: Mapping[str, Any] = {"connection_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS, "retry_total": 0}


class AzureRequests(ObjectRequests):
    """All conditions are part of the request, as ``If-Match`` and ``If-None-Match``."""

    async def get(self, path: str, most: int) -> bytes:
        return (await self.get_with_entry(path, most))[0]

    async def get_with_entry(self, path: str, most: int) -> tuple[bytes, Entry]:
        try:
            async with self._blob(path) as blob:
                answer = await blob.download_blob(offset=0, length=most, **_OPTIONS)
                return bytes(await answer.readall()), _entry_of(answer.properties)
        except Exception as error:
            if not is_empty(error):
                raise
            return b"", await self.entry(path)

    async def entry(self, path: str) -> Entry:
        async with self._blob(path) as blob:
            return _entry_of(await blob.get_blob_properties(**_OPTIONS))

    async def put(self, path: str, data: bytes, expected: str | None) -> str:
        # Without leave to overwrite, the client sends `If-None-Match: *`.
        condition = {"overwrite": False} if expected is None else {"overwrite": True, **_if_match(expected)}
        async with self._blob(path) as blob:
            return _bare((await blob.upload_blob(data, **condition, **_OPTIONS))["etag"])

    async def remove(self, path: str, expected: str) -> None:
        try:
            async with self._blob(path) as blob:
                await blob.delete_blob(**_if_match(expected), **_OPTIONS)
        except Exception as error:
            # A blob that is gone fulfils no condition either; then this raises FileNotFoundError.
            if is_changed(error):
                await self.entry(path)
            raise

    async def write(self, path: str, data: bytes) -> None:
        async with self._blob(path) as blob:
            await blob.upload_blob(data, overwrite=True, **_OPTIONS)

    async def discard(self, path: str) -> None:
        with suppress(FileNotFoundError):
            async with self._blob(path) as blob:
                await blob.delete_blob(**_OPTIONS)

    async def folder(self, path: str) -> list[Mapping[str, Any]]:
        return await self._listed("walk_blobs", path)

    async def find(self, path: str) -> list[Mapping[str, Any]]:
        return await self._listed("list_blobs", path)

    async def require(self, bucket: str) -> None:
        # It takes no other permission than listings do.
        async with self._container(bucket) as container:
            async for _ in container.list_blobs(results_per_page=1, **_OPTIONS):
                return

    async def _listed(self, method: str, path: str) -> list[Mapping[str, Any]]:
        bucket, _, key = path.partition("/")
        found: list[Mapping[str, Any]] = []
        start = f"{key}/" if key else None
        async with self._container(bucket) as container:
            async for each in getattr(container, method)(name_starts_with=start, include=["metadata"], **_OPTIONS):
                name = f"{bucket}/{each.name}"
                if name.endswith("/"):
                    found.append({"name": name.rstrip("/"), "type": "directory"})
                # With a hierarchical namespace, folders are listed as well.
                elif (each.get("metadata") or {}).get("hdi_isfolder") != "true":
                    found.append({**_described(each), "name": name, "type": "file"})
        return found

    @asynccontextmanager
    async def _blob(self, path: str) -> AsyncIterator[Any]:
        bucket, _, key = path.partition("/")
        async with _missing_as_file(), self._fs.service_client.get_blob_client(bucket, key) as blob:
            yield blob

    @asynccontextmanager
    async def _container(self, bucket: str) -> AsyncIterator[Any]:
        async with _missing_as_file(), self._fs.service_client.get_container_client(bucket) as container:
            yield container


@asynccontextmanager
async def _missing_as_file() -> AsyncIterator[None]:
    from azure.core.exceptions import ResourceNotFoundError

    try:
        yield
    except ResourceNotFoundError as error:
        raise FileNotFoundError from error


def _if_match(revision: str) -> Mapping[str, Any]:
    from azure.core import MatchConditions

    return {"etag": f'"{revision}"', "match_condition": MatchConditions.IfNotModified}


def _entry_of(properties: Any) -> Entry:
    return entry_of(_described(properties))


def _described(properties: Any) -> Mapping[str, Any]:
    return {"etag": _bare(properties.etag), "size": properties.size, "last_modified": properties.last_modified}


def _bare(etag: str) -> str:
    """Return an ETag without its quotes, which some answers have and listings have not."""
    return etag.strip('"')
