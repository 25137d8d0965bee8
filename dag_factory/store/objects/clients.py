"""The clients of object storage: one for each store in each process, with limits to how long they try."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

from dag_factory.errors import ConfigError, MissingStoreError
from dag_factory.portable.secrets.references import find_connection
from dag_factory.settings.options import SECTION
from dag_factory.store.objects.failures import code_of
from dag_factory.store.objects.location import Location

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

# A load must end before Airflow ends it, after 30 s by default. These bound one attempt; `Bucket` bounds each request.
CONNECT_SECONDS = 3
READ_SECONDS = 8
ATTEMPTS = 3

S3 = frozenset({"s3", "s3a", "s3n"})
GCS = frozenset({"gs", "gcs"})
AZURE = frozenset({"abfs", "abfss", "adl"})

# What the providers pass on to their clients: for S3 to botocore's configuration, for the others to fsspec's class.
_S3_OPTIONS = {
    "connect_timeout": CONNECT_SECONDS,
    "read_timeout": READ_SECONDS,
    "retries": {"total_max_attempts": ATTEMPTS},
}
_GCS_OPTIONS = {"requests_timeout": READ_SECONDS}
_AZURE_OPTIONS = {"connection_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS}
_EXTRAS = {**dict.fromkeys(S3, "s3"), **dict.fromkeys(GCS, "gcs"), **dict.fromkeys(AZURE, "azure")}

_clients: dict[tuple[int, Location], AbstractFileSystem] = {}


def client(location: Location) -> AbstractFileSystem:
    """
    Return the client for a store. It is made once for each process: a fork can't use that of its parent.

    :raises MissingStoreError: where no provider for the protocol is installed, or the credentials can't be had
    """
    key = (os.getpid(), location)
    # Two threads may both make one, and then use the same.
    return _clients.get(key) or _clients.setdefault(key, _made(location))


def forget_client(location: Location) -> None:
    """Make the next call of `client` read the Connection again: its credentials may have been replaced."""
    _clients.pop((os.getpid(), location), None)


def _made(location: Location) -> AbstractFileSystem:
    # Not through Airflow's ObjectStore, which keeps clients over a fork.
    from airflow.sdk.io import get_fs, has_fs

    protocol = location.protocol
    try:
        if location.connection is not None:
            # A provider may take the environment's credentials for a Connection that is missing.
            find_connection(location.connection, field="config_store")
        if not has_fs(protocol):
            return _without_provider(location)
        made = get_fs(protocol, location.connection, _options(protocol))
    except MissingStoreError:
        raise
    except ConfigError as error:
        raise MissingStoreError(f"[{SECTION}] config_store {error.problem}.") from error
    except ImportError as error:
        raise _not_installed(protocol) from error
    except Exception as error:
        through = f"Connection '{location.connection}'" if location.connection else "the environment's credentials"
        raise MissingStoreError(
            f"config_store '{location}' can't be opened through {through}: {code_of(error)}. Does this process have "
            "them, and are they complete?"
        ) from error
    if protocol in S3:
        # Attempts of its own: botocore retries as well.
        made.retries = 1
    if protocol in AZURE:
        # Else each request is a dozen lines of a task's log, and of the DAG processor's.
        logging.getLogger("azure.core.pipeline.policies.http_logging_policy").setLevel(logging.WARNING)
    return made


def _options(protocol: str) -> dict[str, Any]:
    if protocol in S3:
        return dict(_S3_OPTIONS)
    return dict(_GCS_OPTIONS if protocol in GCS else _AZURE_OPTIONS if protocol in AZURE else {})


def _without_provider(location: Location) -> AbstractFileSystem:
    """Return a client for which fsspec itself is enough, such as that of tests."""
    from fsspec import available_protocols, filesystem

    if location.protocol in _EXTRAS or location.connection or location.protocol not in available_protocols():
        raise _not_installed(location.protocol)
    return filesystem(location.protocol)


def _not_installed(protocol: str) -> MissingStoreError:
    extra = _EXTRAS.get(protocol)
    way_out = (
        f"Install openmetadata-dag-factory[{extra}] for all components"
        if extra
        else f"Install the provider that brings it, or use one of {', '.join(sorted(_EXTRAS))}"
    )
    return MissingStoreError(
        f"[{SECTION}] config_store: Airflow has no file system for '{protocol}://' in this process. {way_out}."
    )
