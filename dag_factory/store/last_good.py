"""Last good versions: a copy of each config as it was when a DAG was last built from it, to run while it is broken."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import logging
import math
import os
import stat
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from uuid import uuid4

from dag_factory.document import Document, check_values
from dag_factory.errors import ConfigError
from dag_factory.store.access import OWNER_ONLY, Access
from dag_factory.store.files import NEW

log = logging.getLogger(__name__)

FOLDER = ".last_good"
"""The hidden folder of a store in which the copies lie, unless a setting names another place."""

# Airflow gives the loader's module 30 s. What is not written within this time is written by the next loads.
BUDGET_SECONDS = 5.0
# Merged with its defaults, a config may be larger than a config's file; past this, something is wrong.
MAX_BYTES = 8 * 1024 * 1024
ABANDONED_SECONDS = 3600.0

_LOCK = ".lock"
_NOT_OURS = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT})
# A file's name has 255 bytes at most, and a DAG id up to 250.
_WHOLE_ID = 120


@dataclass(frozen=True)
class Version:
    """
    A config as a DAG was built from it.

    :param document: with the defaults of its folders
    :param access: who may read the files that it was made of
    """

    dag_id: str
    key: str
    document: Document
    access: Access = OWNER_ONLY


@dataclass(frozen=True)
class InUse:
    """Copies that stay as they are: those for some DAG ids, and those of configs with some keys."""

    dag_ids: Collection[str] = ()
    keys: Collection[str] = ()


@dataclass(frozen=True)
class _Copy:
    """The file of a copy; its name says what it is of, so that it need not be opened to know whether it is current."""

    path: Path
    id_part: str
    key_part: str

    @property
    def written(self) -> float:
        """When it was written, in seconds since the epoch; 0 where it is gone by now."""
        with suppress(OSError):
            return self.path.stat().st_mtime
        return 0.0


class LastGood:
    """
    A folder of copies, ``<2 hex>/<DAG id>.<digest of the key>.<digest of the content>.json``.

    The digest in the name shows which copies are current by their names alone, and a torn copy by its content. So
    nothing is synced to the disk: a copy that a crash has torn is ignored, and written anew by the next load.

    :param folder: may be missing, which means that there is no copy
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, dag_id: str) -> Version | None:
        """Return the copy for a DAG id, None where there is none; looks into one folder and opens one file."""
        part = _id_part(dag_id)
        copies = [copy for copy in _copies_in(self.folder / _bucket(dag_id)) if copy.id_part == part]
        return next((version for version in _newest_first(copies) if version.dag_id == dag_id), None)

    def index(self) -> Index:
        """Return all copies as they are now, by name; none is opened."""
        return Index(self.folder)

    def keep(self, good: Collection[Version], in_use: InUse, *, since: float, complete: bool) -> None:
        """
        Keep copies of the configs that are good, and remove those of configs that are gone. Never fails.

        Does nothing while another process does it. Copies that are newer than the list of the configs stay, for they
        are of configs that it may not have seen.

        :param in_use: the copies of those that are broken
        :param since: when the configs were listed, in seconds since the epoch
        :param complete: whether all configs were listed, so that one that is not there is gone
        """
        try:
            with self._alone() as is_alone:
                if is_alone:
                    self._keep(good, in_use, since, complete)
        except OSError as error:
            # A read-only store works as well, without last good versions.
            level = logging.INFO if error.errno in _NOT_OURS else logging.WARNING
            log.log(level, "Last good versions of configs can't be kept in '%s': %s", self.folder, error.strerror)

    def replace(self, version: Version, document: Document) -> None:
        """
        Put another document in the place of a copy's, such as the same one with its secrets encrypted anew.

        :raises OSError: where it can't be written; the copy is then still there
        """
        other = replace(version, document=document)
        content = _content(other)
        path = self.folder / _bucket(version.dag_id) / _name(other, content)
        before = [copy for copy in _copies_in(path.parent) if copy.id_part == _id_part(version.dag_id)]
        _write(path, content, version.access)
        for copy in before:
            if copy.path != path:
                copy.path.unlink(missing_ok=True)

    def forget(self, dag_id: str) -> None:
        """Remove the copies for a DAG id, as far as that is possible; the next load removes what is left."""
        part = _id_part(dag_id)
        with suppress(OSError):
            self._check_own()
            _remove((each for each in _entries_in(self.folder / _bucket(dag_id)) if _belongs(each, part)), math.inf)

    def _check_own(self) -> None:
        """
        Make sure that nothing is written or removed elsewhere: an author could make a link of the store's folder.

        :raises OSError: where the store's own folder is a link; the one of the setting is the operator's, and may be
        """
        if self.folder.name == FOLDER and self.folder.is_symlink():
            raise OSError(errno.ELOOP, "is a link. Remove it")

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        # Without its parents: where the store is missing, it is not for us to make one.
        self.folder.mkdir(exist_ok=True)
        self._check_own()
        descriptor = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(descriptor)

    def _keep(self, good: Collection[Version], in_use: InUse, since: float, complete: bool) -> None:
        present: dict[str, dict[str, os.DirEntry[str]]] = {}
        for entry in _entries(self.folder):
            present.setdefault(entry.name.partition(".")[0], {})[entry.name] = entry
        if complete:
            # Before anything is written: the disk may be full.
            stay = {_id_part(version.dag_id) for version in good} | {_id_part(dag_id) for dag_id in in_use.dag_ids}
            keys = {_key_part(key) for key in in_use.keys}
            for part in present.keys() - stay:
                _remove((entry for name, entry in present[part].items() if name.split(".")[1] not in keys), since)
        deadline = time.monotonic() + BUDGET_SECONDS
        left = 0
        for version in good:
            content = _content(version)
            name = _name(version, content)
            others = present.get(_id_part(version.dag_id), {})
            # A crash of the machine may have left a file that is shorter than what was written.
            is_current = _size(others.pop(name, None)) == len(content)
            if not is_current and len(content) <= MAX_BYTES:
                if time.monotonic() > deadline:
                    left += 1
                    continue
                _write(self.folder / _bucket(version.dag_id) / name, content, version.access)
            _remove(others.values(), since)
        if left:
            log.info("The next parses keep the last good versions of %d more configs", left)


class Index:
    """All copies at one look."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of_key(self, key: str) -> Version | None:
        """Return the newest copy of the config that a key leads to, None where there is none."""
        copies = self._by_key.get(_key_part(key), ())
        return next((version for version in _newest_first(copies) if version.key == key), None)

    def of_id(self, dag_id: str) -> Version | None:
        """Return the newest copy for a DAG id, None where there is none."""
        copies = self._by_id.get(_id_part(dag_id), ())
        return next((version for version in _newest_first(copies) if version.dag_id == dag_id), None)

    def agrees(self, key: str, dag_id: str) -> bool:
        """Return whether all that was kept of a config or for a DAG id is of both; no copy is opened."""
        id_part, key_part = _id_part(dag_id), _key_part(key)
        related = [*self._by_key.get(key_part, ()), *self._by_id.get(id_part, ())]
        return all(copy.id_part == id_part and copy.key_part == key_part for copy in related)

    def all(self) -> Iterator[Version]:
        """Yield the newest copy for each DAG id; opens them all."""
        for copies in self._by_id.values():
            yield from list(_newest_first(copies))[:1]

    @cached_property
    def _copies(self) -> list[_Copy]:
        try:
            return [_copy(entry) for entry in _entries(self._folder)]
        except OSError as error:
            log.warning("the last good versions in '%s' can't be listed: %s", self._folder, error.strerror)
            return []

    @cached_property
    def _by_key(self) -> dict[str, list[_Copy]]:
        return _grouped((copy.key_part, copy) for copy in self._copies)

    @cached_property
    def _by_id(self) -> dict[str, list[_Copy]]:
        return _grouped((copy.id_part, copy) for copy in self._copies)


def _grouped(copies: Iterable[tuple[str, _Copy]]) -> dict[str, list[_Copy]]:
    groups: dict[str, list[_Copy]] = {}
    for part, copy in copies:
        groups.setdefault(part, []).append(copy)
    return groups


def _newest_first(copies: Iterable[_Copy], looks: int = 5) -> Iterator[Version]:
    """Yield what copies hold, without those that are torn."""
    # There is more than one only where a load has died between writing the new one and removing the old one.
    for copy in sorted(copies, key=lambda copy: (copy.written, copy.path.name), reverse=True):
        try:
            version = _read(copy.path)
        except FileNotFoundError:
            # A load has just put a newer one beside it and removed it.
            if looks > 1:
                newer = [each for each in _copies_in(copy.path.parent) if each.id_part == copy.id_part]
                yield from _newest_first(newer, looks - 1)
        else:
            if version is not None:
                yield version
            else:
                log.warning("'%s' is torn or can't be read, so it is ignored", copy.path)


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """
    Yield the files of all copies.

    :raises OSError: where a folder can't be listed
    """
    with suppress(FileNotFoundError), os.scandir(folder) as buckets:
        for bucket in sorted(entry.name for entry in buckets if len(entry.name) == 2):
            yield from _entries_in(folder / bucket)


def _entries_in(bucket: Path) -> Iterator[os.DirEntry[str]]:
    with suppress(FileNotFoundError), os.scandir(bucket) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and entry.name.count(".") == 3:
                yield entry
            elif entry.name.endswith(NEW):
                _remove([entry], time.time() - ABANDONED_SECONDS)


def _copies_in(bucket: Path) -> list[_Copy]:
    try:
        return [_copy(entry) for entry in _entries_in(bucket)]
    except OSError as error:
        log.warning("the last good versions in '%s' can't be listed: %s", bucket, error.strerror)
        return []


def _copy(entry: os.DirEntry[str]) -> _Copy:
    id_part, key_part, _, _ = entry.name.split(".")
    return _Copy(Path(entry.path), id_part, key_part)


def _belongs(entry: os.DirEntry[str], id_part: str) -> bool:
    return entry.name.partition(".")[0] == id_part


def _size(entry: os.DirEntry[str] | None) -> int | None:
    with suppress(FileNotFoundError):
        return entry.stat(follow_symlinks=False).st_size if entry is not None else None
    return None


def _remove(entries: Iterable[os.DirEntry[str]], since: float) -> None:
    """Remove the files that were written before a moment."""
    for entry in entries:
        with suppress(FileNotFoundError):
            if entry.stat(follow_symlinks=False).st_mtime < since:
                Path(entry.path).unlink()


def _write(path: Path, content: bytes, access: Access) -> None:
    path.parent.mkdir(exist_ok=True)
    new = path.with_name(f".{uuid4().hex}{NEW}")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            access.apply(descriptor)
            file.write(content)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _read(path: Path) -> Version | None:
    """
    Return what a copy holds, None where it is torn or can't be read.

    :raises FileNotFoundError: where it is gone
    """
    try:
        # Opening a pipe would wait for whoever writes to it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            content = file.read(MAX_BYTES + 1)
        if _digest(content) != path.name.split(".")[2]:
            return None
        held = json.loads(content)
        check_values(held["document"])
        return Version(held["dag_id"], held["key"], held["document"], Access(*held["access"]))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, LookupError, TypeError, RecursionError, ConfigError):
        return None


def _content(version: Version) -> bytes:
    access = version.access
    held = {
        "dag_id": version.dag_id,
        "key": version.key,
        # Where others may read the config no longer, its copy becomes another one.
        "access": [access.mode, access.group],
        "document": version.document,
    }
    return json.dumps(held, ensure_ascii=False, separators=(",", ":")).encode()


def _name(version: Version, content: bytes) -> str:
    return f"{_id_part(version.dag_id)}.{_key_part(version.key)}.{_digest(content)}.json"


def _id_part(dag_id: str) -> str:
    return dag_id if len(dag_id) <= _WHOLE_ID else f"{dag_id[:_WHOLE_ID]}~{_digest(dag_id.encode())}"


def _key_part(key: str) -> str:
    return _digest(key.encode())[:16]


def _bucket(dag_id: str) -> str:
    return _digest(dag_id.encode())[:2]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
