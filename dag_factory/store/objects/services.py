"""Which requests each kind of object storage takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dag_factory.store.objects.azure_requests import AzureRequests
from dag_factory.store.objects.clients import AZURE, GCS, S3
from dag_factory.store.objects.google_requests import GoogleRequests
from dag_factory.store.objects.object_requests import ObjectRequests
from dag_factory.store.objects.s3_requests import S3Requests

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


def requests_for(fs: AbstractFileSystem, protocol: str) -> ObjectRequests:
    """Return the requests to a kind of storage."""
    if protocol in S3:
        return S3Requests(fs)
    if protocol in GCS:
        return GoogleRequests(fs)
    if protocol in AZURE:
        return AzureRequests(fs)
    return ObjectRequests(fs)
