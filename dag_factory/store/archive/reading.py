"""
Reads an archive that anybody may have made.

Nothing is unpacked: each member is read into memory, within the limits of a config, and its name is checked as that of
an object in a bucket is. So a path that leads elsewhere, a link, a device, or a few bytes that stand for gigabytes are
refused before anything is written.
"""

from __future__ import annotations

import gzip
import json
import os
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from dag_factory.configs.document import MAX_BYTES
from dag_factory.errors import ArchiveError
from dag_factory.portable.plain_text import cut, one_line
from dag_factory.store.archive import FOLDER, FORMAT, MANIFEST
from dag_factory.store.objects.keys import is_config

MOST_FILES = 200_000
MOST_BYTES = 4 * 1024**3
"""Of an archive once it is decompressed."""

_MOST_OF_MANIFEST = 64 * 1024**2
_MOST_PADDING = 1024**2
_MAGIC = b"\x1f\x8b"
_LONGEST_NAME = 255  # bytes of a file's or a folder's name
_PLAIN = (tarfile.REGTYPE, tarfile.AREGTYPE)


class Archive:
    """
    An archive, read as often as it is asked for.

    :raises ArchiveError: by each method, where it can't be read, is not whole, or is not what `export` makes
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield the key and the content of each config and each file of defaults, in the archive's order."""
        seen: set[str] = set()
        manifest = False
        with self._opened() as tar:
            while (member := tar.next()) is not None:
                # tarfile keeps a list of all that it has read.
                tar.members = []  # type: ignore[attr-defined]
                if manifest:
                    raise self._wrong(member.name, f"comes after {MANIFEST}")
                if member.name == MANIFEST:
                    self._check_manifest(self._content(tar, member, _MOST_OF_MANIFEST), len(seen))
                    manifest = True
                    continue
                key = self._key(member)
                if key in seen:
                    raise self._wrong(member.name, "is there twice")
                seen.add(key)
                if len(seen) > MOST_FILES:
                    raise ArchiveError(f"archive '{self._path}' holds more than {MOST_FILES} files. Split it")
                yield key, self._content(tar, member, MAX_BYTES)
            # What is left is padding. At the end of it, the checksum of what is compressed is compared.
            if len(tar.fileobj.read(_MOST_PADDING)) == _MOST_PADDING:  # type: ignore[union-attr]
                raise self._damaged(f"much comes after {MANIFEST}")
        if not manifest:
            raise self._damaged(f"{MANIFEST} is missing, which comes last")

    def _key(self, member: tarfile.TarInfo) -> str:
        if member.type not in _PLAIN or member.sparse is not None:
            raise self._wrong(member.name, "is not a plain file")
        key = member.name.removeprefix(FOLDER)
        if key == member.name or not is_config(key) or "\\" in key or not key.isprintable():
            raise self._wrong(member.name, f"is not the name of a config in {FOLDER}")
        if any(len(part.encode()) > _LONGEST_NAME for part in key.split("/")):
            raise self._wrong(member.name, "is too long a name for a file")
        return key

    def _content(self, tar: tarfile.TarFile, member: tarfile.TarInfo, most: int) -> bytes:
        if member.size > most:
            raise self._wrong(member.name, f"is larger than {most // 1024**2} MiB")
        file = tar.extractfile(member) if member.type in _PLAIN and member.sparse is None else None
        data = file.read(member.size) if file is not None else b""
        if len(data) != member.size:
            raise self._damaged(f"'{_shown(member.name)}' ends too early")
        return data

    def _check_manifest(self, data: bytes, files: int) -> None:
        try:
            said: Any = json.loads(data)
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict) or said.get("format") != FORMAT:
            raise ArchiveError(
                f"archive '{self._path}' has an unknown format. Import it with the version of "
                "openmetadata-dag-factory that exported it, or a newer one"
            )
        if said.get("files") != files:
            raise self._damaged("files are missing")

    @contextmanager
    def _opened(self) -> Iterator[tarfile.TarFile]:
        try:
            with self._path.open("rb") as raw:
                is_packed = raw.read(len(_MAGIC)) == _MAGIC
                raw.seek(0)
                plain: IO[bytes] = gzip.GzipFile(fileobj=raw) if is_packed else raw  # type: ignore[assignment]
                with tarfile.open(fileobj=_Bounded(plain, self._path), mode="r:") as tar:  # type: ignore[call-overload]
                    yield tar
        except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError, OverflowError) as error:
            raise self._damaged(type(error).__name__) from None
        except RecursionError:
            # tarfile recurses for each header that only describes the next one.
            raise self._damaged("header after header") from None
        except OSError as error:
            raise ArchiveError(f"archive '{self._path}' can't be read: {error.strerror}. Name another file") from error

    def _wrong(self, name: str, problem: str) -> ArchiveError:
        return ArchiveError(
            f"archive '{self._path}': '{_shown(name)}' {problem}. Nothing of it is trusted: export the store again"
        )

    def _damaged(self, why: str) -> ArchiveError:
        return ArchiveError(f"archive '{self._path}' is damaged, or not made by export ({why}). Export the store again")


class _Bounded:
    """A file of which tarfile reads only forwards, never much at once, and not without end."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file = file
        self._path = path

    def read(self, size: int = -1) -> bytes:
        # A header of GNU's or PAX's may claim any size, and tarfile reads it at once.
        if not 0 <= size <= _MOST_OF_MANIFEST:
            raise self._too_large()
        data = self._file.read(size)
        if self._file.tell() > MOST_BYTES:
            raise self._too_large()
        return data

    def seek(self, position: int, whence: int = os.SEEK_SET) -> int:
        if whence != os.SEEK_SET or not self._file.tell() - 1 <= position <= MOST_BYTES:
            raise self._too_large()
        return self._file.seek(position)

    def tell(self) -> int:
        return self._file.tell()

    def _too_large(self) -> ArchiveError:
        return ArchiveError(
            f"archive '{self._path}' holds more than a config store does. Nothing of it is trusted: export the store "
            "again"
        )


def _shown(name: str) -> str:
    return cut(one_line(name), _LONGEST_NAME)
