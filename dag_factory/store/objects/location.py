"""The URL of a config store in object storage."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from dag_factory.errors import SettingsError
from dag_factory.settings.options import SECTION

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_CONNECTION = re.compile(r"[\w.-]+")

LOCAL = frozenset({"file", "local"})
"""Protocols of the file system: such a URL is that of a folder."""


@dataclass(frozen=True)
class Location:
    """
    Where a store is.

    :param protocol: as fsspec names it, such as ``s3``
    :param connection: id of the Airflow Connection with the credentials, None to use those of the environment
    :param path: the bucket, and the prefix of all keys, without a slash at either end
    """

    protocol: str
    connection: str | None
    path: str

    @property
    def bucket(self) -> str:
        """The bucket's name (in Azure, the container's)."""
        return self.path.partition("/")[0]

    def __str__(self) -> str:
        return f"{self.protocol}://{self.path}"


def is_url(location: str) -> bool:
    """Return whether a location is a URL, and not the path of a folder."""
    return _URL.match(location) is not None


def local_path(location: str) -> str | None:
    """Return the path of a URL that leads to a folder, None for any other location."""
    protocol, separator, path = location.partition("://")
    return path if separator and protocol.lower() in LOCAL else None


def located(url: str) -> Location:
    """
    Return where the store of a URL is, written as Airflow's ObjectStoragePath takes it: ``s3://conn_id@bucket/prefix``.

    :raises SettingsError: where it is not such a URL; its message quotes nothing, since it may hold a password
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _invalid("is not a URL") from None
    user, at, bucket = parts.netloc.rpartition("@")
    if at and _CONNECTION.fullmatch(user) is None:
        raise _invalid("has something other than the id of a Connection before the '@'")
    if parts.query or parts.fragment:
        raise _invalid("has a '?' or a '#' in it")
    prefix = parts.path.strip("/")
    names = prefix.split("/") if prefix else []
    if not bucket or any(name in ("", ".", "..") for name in names):
        raise _invalid("names no bucket, or has an empty name or dots for a name in its path")
    return Location(parts.scheme.lower(), user or None, "/".join([bucket, *names]))


def _invalid(problem: str) -> SettingsError:
    return SettingsError(
        f"[{SECTION}] config_store {problem}. Write it as 's3://conn_id@bucket/prefix': conn_id is the id of an "
        "Airflow Connection that holds the credentials, which must not be in the URL"
    )
