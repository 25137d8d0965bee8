"""Which certificates an OpenMetadata server is trusted by, as ``verifySSL`` and ``sslConfig`` of a connection say."""

from __future__ import annotations

import os
import ssl
import stat
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from pathlib import Path

import httpx

from dag_factory.configs.document import Document

LONGEST_FILE = 2 * 1024 * 1024
"""In bytes, of a file or of all files of a folder. The bundle of all public authorities has a seventh of it."""

MOST_ENTRIES = 500
"""Of a folder. A system's own has some 300."""

_MARK = "-----BEGIN"


def verify(connection: Document) -> bool | ssl.SSLContext:
    """
    Return what httpx takes as ``verify``.

    :raises OSError: where a file of certificates can't be read
    :raises ValueError: where it is not a regular file, is too large, or holds no certificate
    """
    mode = connection.get("verifySSL")
    if mode == "ignore":
        return False
    own = connection.get("sslConfig")
    authority = own.get("caCertificate") if mode == "validate" and isinstance(own, dict) else None
    # The same variables as openmetadata-ingestion's client uses.
    authority = authority or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    return _context(_certificates(str(authority)) if authority else None)


def _context(certificates: str | None) -> ssl.SSLContext:
    """Return a context that trusts these, or all public authorities. To make one takes 50 ms of CPU, so it is kept."""
    # By their digest: as a key, the texts of a config's author would stay in the scheduler's memory.
    kept = _kept(sha256(certificates.encode(errors="surrogatepass")).digest() if certificates is not None else None)
    if not kept:
        kept.append(_new_context(certificates))
    return kept[0]


@lru_cache(maxsize=8)
def _kept(_digest: bytes | None) -> list[ssl.SSLContext]:
    """Return a list that is the same for the same digest, to keep a context in."""
    return []


def _new_context(certificates: str | None) -> ssl.SSLContext:
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
    content = _content_of_folder(path) if path.is_dir() else _content(path, LONGEST_FILE)
    return content.decode("ascii", "ignore")


def _content_of_folder(folder: Path) -> bytes:
    """Read a folder of certificates, or of anything: its entries may be links to any file."""
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in islice(entries, MOST_ENTRIES + 1))
    if len(names) > MOST_ENTRIES:
        raise ValueError(f"The folder has more than {MOST_ENTRIES} entries. Name one that holds certificates alone")
    contents, left = [], LONGEST_FILE
    for path in (folder / name for name in names):
        if path.is_file():
            content = _content(path, left)
            left -= len(content)
            if _MARK.encode() in content:
                contents.append(content)
    return b"\n".join(contents)


def _content(path: Path, longest: int) -> bytes:
    """
    Read a file of certificates of at most ``longest`` bytes.

    A config names the path, and its author may have made what is there. To open a named pipe or a device may block for
    ever, in code that no time-out ends.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("not a regular file")
        content = file.read(longest + 1)
    if len(content) > longest:
        raise ValueError(f"The files of certificates have more than {LONGEST_FILE} bytes. Remove what is not needed")
    return content
