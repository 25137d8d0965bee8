"""Tries out whether object storage honours the conditions of requests, on which writers rely."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from uuid import uuid4

from dag_factory.errors import StoreError
from dag_factory.store.objects.bucket import Bucket
from dag_factory.store.objects.failures import ChangedError, UncertainError


def probe(bucket: Bucket) -> None:
    """
    Create, replace and remove a hidden object, each time also under a condition that must be refused.

    :raises StoreError: where one of these does not work
    """
    key = f".probe-{uuid4().hex}"
    try:
        try:
            _try(bucket, key)
        finally:
            with suppress(StoreError, UncertainError):
                bucket.remove_all([key])
    except (ChangedError, UncertainError) as error:
        raise StoreError(
            f"config_store '{bucket.location}' does not answer a conditional write as it should "
            f"({type(error).__name__}). Does its service support If-Match and If-None-Match?"
        ) from None


def _try(bucket: Bucket, key: str) -> None:
    first = bucket.put(key, b"first", expected=None)
    _must_refuse(bucket, lambda: bucket.put(key, b"other", expected=None), "overwrites an object that exists already")
    second = bucket.put(key, b"second", expected=first)
    _must_refuse(bucket, lambda: bucket.put(key, b"third", expected=first), "overwrites an object that has changed")
    bucket.remove(key, expected=second)


def _must_refuse(bucket: Bucket, request: Callable[[], object], done: str) -> None:
    try:
        request()
    except ChangedError:
        return
    raise StoreError(
        f"config_store '{bucket.location}' {done}, so two deploys at once may lose one. Use a service that supports "
        "If-Match and If-None-Match."
    )
