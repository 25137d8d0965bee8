"""Which certificates an OpenMetadata server is trusted by, as ``verifySSL`` and ``sslConfig`` of a connection say."""

from __future__ import annotations

import os
import ssl
import stat
from functools import lru_cache
from pathlib import Path

import httpx

from dag_factory.configs.document import Document

LONGEST_FILE = 2 * 1024 * 1024
"""In bytes. The bundle of all public authorities has a seventh of it."""

_MARK = "-----BEGIN"


def verify(connection: Document) -> bool | ssl.SSLContext:
    """
    Return what httpx takes as ``verify``.

    :raises OSError: where a file of certificates can't be read
    :raises ValueError: where it is not a regular file, or holds no certificate
    """
    mode = connection.get("verifySSL")
    if mode == "ignore":
        return False
    own = connection.get("sslConfig")
    authority = own.get("caCertificate") if mode == "validate" and isinstance(own, dict) else None
    # The same variables as openmetadata-ingestion's client uses.
    authority = authority or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    return _context(_certificates(str(authority)) if authority else None)


@lru_cache(maxsize=8)
def _context(certificates: str | None) -> ssl.SSLContext:
    """Return a context that trusts these, or all public authorities. To make one takes 50 ms of CPU, so it is kept."""
    if certificates is None:
        return httpx.create_ssl_context(trust_env=False)
    if _MARK not in certificates:
        # With an empty text, ssl would trust the system's certificates.
        raise ValueError("no certificate")
    return ssl.create_default_context(cadata=certificates)


def _certificates(authority: str) -> str:
    """Return certificates that are given as a text, as the path of a file, or of a folder of files."""
    if authority.startswith(_MARK):
        return authority
    path = Path(authority)
    if not path.is_dir():
        return _text_of(path)
    texts = (_text_of(file) for file in sorted(path.iterdir()) if file.is_file())
    return "\n".join(text for text in texts if _MARK in text)


def _text_of(path: Path) -> str:
    """
    Read a file of certificates.

    A config names the path, and its author may have made what is there. To open a named pipe or a device may block for
    ever, in code that no time-out ends.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("not a regular file")
        return file.read(LONGEST_FILE).decode("ascii", "ignore")
