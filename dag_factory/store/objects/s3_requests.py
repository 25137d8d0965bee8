"""Requests to S3, and what speaks its protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dag_factory.store.objects.entries import Entry, entry_of
from dag_factory.store.objects.failures import is_empty
from dag_factory.store.objects.object_requests import ObjectRequests


class S3Requests(ObjectRequests):
    """All conditions are part of the request, as ``If-Match`` and ``If-None-Match``."""

    async def get(self, path: str, most: int) -> bytes:
        return (await self.get_with_entry(path, most))[0]

    async def get_with_entry(self, path: str, most: int) -> tuple[bytes, Entry]:
        try:
            answer = await self._request("get_object", path, Range=f"bytes=0-{most - 1}")
        except OSError as error:
            if not is_empty(error):
                raise
            return b"", await self.entry(path)
        async with answer["Body"] as body:
            return await body.read(), entry_of(answer)

    async def entry(self, path: str) -> Entry:
        found = await self._request("head_object", path)
        return entry_of({**found, "size": found["ContentLength"]})

    async def put(self, path: str, data: bytes, expected: str | None) -> str:
        condition = {"IfNoneMatch": "*"} if expected is None else {"IfMatch": expected}
        return str((await self._request("put_object", path, Body=data, **condition))["ETag"])

    async def remove(self, path: str, expected: str) -> None:
        await self._request("delete_object", path, IfMatch=expected)

    async def _request(self, method: str, path: str, **options: Any) -> Mapping[str, Any]:
        bucket, key, _ = self._fs.split_path(path)
        answer: Mapping[str, Any] = await self._fs._call_s3(method, Bucket=bucket, Key=key, **options)
        return answer
