"""
The comment with its version that openmetadata-ingestion puts before each SQL statement.

It reads that version anew for each, from a file that Python parses as the headers of a mail: 3 ms of a core. A run of
metadata sends a dozen statements for each table.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import Any


def read_version_once() -> None:
    """Have this process remember the version, where its release of openmetadata-ingestion reads it in this way."""
    # A run must not fail for the want of it.
    with suppress(Exception):
        headers: Any = import_module("metadata.ingestion.connections.headers")
        read = headers._pkg_version
        if callable(read) and not hasattr(read, "cache_info"):
            headers._pkg_version = cache(read)
