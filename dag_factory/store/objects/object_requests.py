"""Requests for objects, which check in the same step what an object was before, where the storage can do so."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dag_factory.store.objects.entries import Entry, entry_of
from dag_factory.store.objects.failures import ChangedError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


class ObjectRequests:
    """
    Requests by the methods that all clients of fsspec have.

    An object is created in one step, where the client can do that. Before an object is replaced or removed its revision
    is compared: another writer between these two requests is not noticed.
    """

    def __init__(self, fs: AbstractFileSystem) -> None:
        self._fs = fs

    async def get(self, path: str, most: int) -> bytes:
        """Return the first bytes of an object."""
        return bytes(await self._call("cat_file", path, start=0, end=most))

    async def get_with_entry(self, path: str, most: int) -> tuple[bytes, Entry]:
        """Return the first bytes of an object, and an entry that is at most as new."""
        entry = await self.entry(path)
        return await self.get(path, most), entry

    async def entry(self, path: str) -> Entry:
        """Return an object as a listing would have it."""
        info = await self._info(path)
        if info["type"] != "file":
            raise FileNotFoundError(path)
        return entry_of(info)

    async def put(self, path: str, data: bytes, expected: str | None) -> str:
        """Write an object that has the expected revision, or is missing, and return its new one."""
        if expected is None:
            await self._call("pipe_file", path, data, mode="create")
        else:
            await self._compare(path, expected)
            await self._call("pipe_file", path, data)
        return (await self.entry(path)).revision

    async def remove(self, path: str, expected: str) -> None:
        """Remove an object that has the expected revision."""
        await self._compare(path, expected)
        await self._call("rm_file", path)

    async def write(self, path: str, data: bytes) -> None:
        """Write an object, whatever was there before."""
        await self._call("pipe_file", path, data)

    async def discard(self, path: str) -> None:
        """Remove an object, if it is there."""
        with suppress(FileNotFoundError):
            await self._call("rm_file", path)

    async def folder(self, path: str) -> list[Mapping[str, Any]]:
        """Return the client's descriptions of what is directly in a folder."""
        self._fs.invalidate_cache()
        return list(await self._call("ls", path, detail=True))

    async def find(self, path: str) -> list[Mapping[str, Any]]:
        """Return the client's descriptions of all objects below a folder."""
        self._fs.invalidate_cache()
        found: dict[str, Mapping[str, Any]] = await self._call("find", path, detail=True)
        return list(found.values())

    async def require(self, bucket: str) -> None:
        """Raise FileNotFoundError where a bucket is missing."""
        await self._info(bucket)

    async def _info(self, path: str) -> Mapping[str, Any]:
        self._fs.invalidate_cache()
        info: Mapping[str, Any] = await self._call("info", path)
        return info

    async def _compare(self, path: str, expected: str) -> None:
        with suppress(FileNotFoundError):
            if (await self.entry(path)).revision == expected:
                return
        raise ChangedError

    async def _call(self, name: str, *arguments: Any, **options: Any) -> Any:
        """Call a method of the client, which has an asynchronous form of it or blocks."""
        if self._fs.async_impl:
            return await getattr(self._fs, f"_{name}")(*arguments, **options)
        return getattr(self._fs, name)(*arguments, **options)
