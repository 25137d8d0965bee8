"""Objects below one prefix: each request has a time limit, and its failures become errors of the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from dag_factory.errors import StoreError
from dag_factory.store.objects.clients import client, forget_client
from dag_factory.store.objects.entries import Entry, entry_of
from dag_factory.store.objects.failures import ChangedError, UncertainError, code_of, is_changed, is_denied, unreachable
from dag_factory.store.objects.location import Location
from dag_factory.store.objects.object_requests import ObjectRequests
from dag_factory.store.objects.services import requests_for

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

Answer = TypeVar("Answer")

_MISSING = frozenset({"NoSuchKey", "BlobNotFound"})
_NO_BUCKET = frozenset({"NoSuchBucket", "ContainerNotFound"})

REQUEST_SECONDS = 10.0
LIST_SECONDS = 20.0
AT_ONCE = 32
"""How many objects are read at the same time."""


class Bucket:
    """
    The objects of a store, by their keys.

    :param location: where they are
    :param request_seconds: after which a request has failed, all its retries included
    :param list_seconds: the same for a listing, which may take many requests
    """

    def __init__(
        self, location: Location, *, request_seconds: float = REQUEST_SECONDS, list_seconds: float = LIST_SECONDS
    ) -> None:
        self.location = location
        self._request_seconds = request_seconds
        self._list_seconds = list_seconds

    def get(self, key: str, most: int) -> bytes:
        """
        Return the first bytes of an object.

        :raises FileNotFoundError: where it is missing
        :raises StoreError: where the store can't be reached
        """
        return self._asked(lambda fs: self._run(fs, self._requests(fs).get, self._path(key), most))

    def get_text(self, key: str, most: int) -> str | None:
        """
        Return the first bytes of an object as text without spaces around it; None where it is missing or empty.

        :raises StoreError: where the store can't be reached
        """
        try:
            return self.get(key, most).decode("ascii", "replace").strip() or None
        except FileNotFoundError:
            return None

    def find(self, key: str, most: int) -> tuple[bytes, Entry] | None:
        """
        Return the first bytes of an object, and an entry whose revision is at most as new; None where missing.

        :raises StoreError: where the store can't be reached
        """
        try:
            return self._asked(lambda fs: self._run(fs, self._requests(fs).get_with_entry, self._path(key), most))
        except FileNotFoundError:
            return None

    def get_all(self, keys: Iterable[str], most: int) -> dict[str, bytes]:
        """
        Return the first bytes of some objects, without those that are missing. They are read at the same time.

        :raises StoreError: where the store can't be reached
        """
        wanted = list(keys)

        async def gathered(requests: ObjectRequests) -> list[bytes | None]:
            limit = asyncio.Semaphore(AT_ONCE)

            async def one(key: str) -> bytes | None:
                async with limit:
                    try:
                        return await requests.get(self._path(key), most)
                    except FileNotFoundError:
                        return None

            return await asyncio.gather(*map(one, wanted))

        found = self._asked(lambda fs: self._run(fs, gathered, self._requests(fs), seconds=self._list_seconds))
        return {key: data for key, data in zip(wanted, found, strict=True) if data is not None}

    def put(self, key: str, data: bytes, *, expected: str | None) -> str:
        """
        Write an object if it is still as expected, and return its revision.

        :param expected: its revision, None where it must be missing
        :raises ChangedError: where it is not, and is unchanged
        :raises UncertainError: where there was no answer
        :raises StoreError: where it can't be written; it is unchanged
        """

        def write(fs: AbstractFileSystem) -> str:
            requests = self._requests(fs)
            try:
                return self._run(fs, requests.put, self._path(key), data, expected)
            except Exception as error:
                # One that is to be replaced was removed.
                if not is_changed(error) and code_of(error) not in _MISSING:
                    raise
            # The answer to an earlier attempt may have been lost. Then the object holds what was to be written.
            with suppress(FileNotFoundError):
                found, entry = self._run(fs, requests.get_with_entry, self._path(key), len(data) + 1)
                if found == data:
                    return entry.revision
            raise ChangedError

        return self._changed(write)

    def remove(self, key: str, *, expected: str) -> None:
        """
        Remove an object if it is still as expected.

        :raises ChangedError: where it is not
        :raises UncertainError: where there was no answer
        :raises StoreError: where it can't be removed; it is unchanged
        """

        def delete(fs: AbstractFileSystem) -> None:
            try:
                self._run(fs, self._requests(fs).remove, self._path(key), expected)
            except FileNotFoundError:
                return
            except Exception as error:
                if is_changed(error):
                    raise ChangedError from error
                raise

        self._changed(delete)

    def write_all(self, objects: Mapping[str, bytes]) -> None:
        """
        Write objects whatever was there before, several at the same time.

        :raises StoreError: where one can't be written, or there was no answer
        """
        self._for_all(objects, lambda requests, key: requests.write(self._path(key), objects[key]))

    def remove_all(self, keys: Iterable[str]) -> None:
        """
        Remove objects whatever they are, several at the same time.

        :raises StoreError: where one can't be removed, or there was no answer
        """
        self._for_all(list(keys), lambda requests, key: requests.discard(self._path(key)))

    def _for_all(self, keys: Collection[str], act: Callable[[ObjectRequests, str], Awaitable[None]]) -> None:
        if not keys:
            return

        async def acted(requests: ObjectRequests) -> None:
            limit = asyncio.Semaphore(AT_ONCE)

            async def one(key: str) -> None:
                async with limit:
                    await act(requests, key)

            await asyncio.gather(*map(one, keys))

        self._asked(lambda fs: self._run(fs, acted, self._requests(fs), seconds=self._list_seconds))

    def entry(self, key: str) -> Entry | None:
        """
        Return an object as a listing would have it, None where it is missing.

        :raises StoreError: where the store can't be reached
        """
        try:
            return self._asked(lambda fs: self._run(fs, self._requests(fs).entry, self._path(key)))
        except FileNotFoundError:
            return None

    def list(self, *, hidden: str | None = None) -> dict[str, Entry]:
        """
        Return all objects but those of hidden folders, or all of one such folder, by key.

        It takes one request for a thousand objects of the root, and one or more for each folder beside them.

        :param hidden: the name of a hidden folder
        :raises StoreError: where they can't be listed; a listing that fails half-way returns nothing
        """
        root = self.location.path if hidden is None else self._path(hidden)

        async def listed(requests: ObjectRequests) -> list[Mapping[str, Any]]:
            if hidden is not None:
                return await requests.find(root)
            found = await requests.folder(root)
            folders = [
                str(each["name"])
                for each in found
                if each["type"] == "directory" and not str(each["name"]).rpartition("/")[2].startswith(".")
            ]
            limit = asyncio.Semaphore(AT_ONCE)

            async def below(folder: str) -> list[Mapping[str, Any]]:
                async with limit:
                    return await requests.find(folder)

            for each in await asyncio.gather(*map(below, folders)):
                found.extend(each)
            return found

        def ask(fs: AbstractFileSystem) -> dict[str, Entry]:
            found = self._run(fs, listed, self._requests(fs), seconds=self._list_seconds)
            start = f"{self.location.path}/"
            entries = {}
            for info in found:
                name = str(info["name"]).lstrip("/")
                if info["type"] == "file" and name.startswith(start):
                    entries[name.removeprefix(start)] = entry_of(info)
            return entries

        try:
            return self._asked(ask)
        except FileNotFoundError:
            # In object storage, what holds nothing does not exist; but the bucket does.
            self.require()
            return {}

    def require(self) -> None:
        """
        Make sure that the bucket exists.

        :raises StoreError: where it is missing, or can't be reached
        """
        try:
            self._asked(lambda fs: self._run(fs, self._requests(fs).require, self.location.bucket))
        except FileNotFoundError as error:
            raise unreachable(self.location, error) from error

    def _path(self, key: str) -> str:
        return f"{self.location.path}/{key}"

    def _requests(self, fs: AbstractFileSystem) -> ObjectRequests:
        return requests_for(fs, self.location.protocol)

    def _changed(self, change: Callable[[AbstractFileSystem], Answer]) -> Answer:
        """Return the answer to a change; errors say whether it may have been made."""
        fs = client(self.location)
        try:
            return change(fs)
        except (ChangedError, StoreError):
            raise
        except Exception as error:
            if is_denied(error):
                forget_client(self.location)
                raise unreachable(self.location, error) from error
            raise UncertainError(code_of(error)) from error

    def _asked(self, question: Callable[[AbstractFileSystem], Answer], *, may_repeat: bool = True) -> Answer:
        """
        Return the answer to a question.

        :param may_repeat: where access is denied, ask once more with a new client: credentials may have been replaced
        """
        try:
            return question(client(self.location))
        except StoreError:
            raise
        except FileNotFoundError as error:
            if code_of(error) in _NO_BUCKET:
                raise unreachable(self.location, error) from error
            raise
        except Exception as error:
            if not (may_repeat and is_denied(error)):
                raise unreachable(self.location, error) from error
        forget_client(self.location)
        return self._asked(question, may_repeat=False)

    def _run(
        self,
        fs: AbstractFileSystem,
        function: Callable[..., Awaitable[Answer]],
        *arguments: object,
        seconds: float | None = None,
    ) -> Answer:
        """Return what an asynchronous function of the client does, within a limit of time."""
        from fsspec.asyn import AsyncFileSystem, get_loop, sync

        loop = fs.loop if isinstance(fs, AsyncFileSystem) else get_loop()
        answer: Answer = sync(loop, function, *arguments, timeout=seconds or self._request_seconds)
        return answer
