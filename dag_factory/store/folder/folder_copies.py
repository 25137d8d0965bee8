"""Last good versions in a folder: that of a store, or another one that a setting names."""

from __future__ import annotations

import errno
import fcntl
import logging
import math
import os
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from itertools import islice
from pathlib import Path

from dag_factory.configs.document import Document
from dag_factory.store.all_copies import AllCopies, is_held, removable
from dag_factory.store.copies import (
    MAX_BYTES,
    InUse,
    Version,
    bucket_of,
    content_of,
    id_part_in,
    id_part_of,
    name_of,
)
from dag_factory.store.folder.copy_files import (
    SPOILT,
    Copy,
    belongs,
    check_own,
    copies_in,
    copy_of,
    entries,
    entries_in,
    leads_elsewhere,
    newest_first,
    remove,
    size_of,
    write,
)
from dag_factory.store.last_good import BUDGET_SECONDS
from dag_factory.store.shards import WHOLE, Shard

log = logging.getLogger(__name__)

_LOCK = ".lock"
_MOST_NAMED = 5
_NOT_OURS = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT})


class FolderLastGood:
    """
    A folder of copies, ``<2 hex>/<DAG id>.<digest of the key>.<digest of the content>.json``.

    The digest in the name shows whether a copy is current, and whether it is complete. So nothing is synced to disk: a
    copy that a crash has cut off is ignored, and the next load writes it again.

    :param folder: may be missing, which means that there are no copies
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, dag_id: str) -> Version | None:
        """Return the copy for a DAG id, None where it is missing; lists one folder and opens one file."""
        part = id_part_of(dag_id)
        copies = [copy for copy in copies_in(self.folder / bucket_of(dag_id)) if copy.id_part == part]
        return next((version for version in newest_first(copies) if version.dag_id == dag_id), None)

    def copies(self) -> FolderCopies:
        """Return all copies as they are now, by name; none is opened."""
        return FolderCopies(self.folder)

    def keep(  # noqa: PLR0913 - by name
        self,
        good: Collection[Version],
        in_use: InUse,
        *,
        since: float,
        complete: bool,
        seconds: float = BUDGET_SECONDS,
        shard: Shard = WHOLE,
    ) -> dict[str, str]:
        """Do what `LastGoodVersions.keep` says, and nothing while another process does so for the same shard."""
        kept: dict[str, str] = {}
        try:
            with self._alone(shard) as is_alone:
                if is_alone:
                    self._keep(good, in_use, since, complete, seconds, shard, kept)
        except OSError as error:
            # A read-only store works too, without last good versions.
            level = logging.INFO if error.errno in _NOT_OURS else logging.WARNING
            log.log(level, "Last good versions of configs can't be kept in '%s': %s", self.folder, error.strerror)
            kept = {version.dag_id: kept.get(version.dag_id, "") for version in good}
        return kept

    def has(self, name: str) -> bool:
        """
        Return whether the copy that `keep` has named is in place.

        An empty name means that none could be written: True as long as the folder can't be written to.
        """
        path, _, size = name.rpartition(" ")
        if not path:
            return not self._is_writable
        if path.partition("/")[0] in self._linked:
            return False
        try:
            return os.stat(f"{self.folder}/{path}", follow_symlinks=False).st_size == int(size)  # noqa: PTH116 - of each
        except (OSError, ValueError):  # the name comes from the index, which somebody may have changed
            return False

    @cached_property
    def _is_writable(self) -> bool:
        is_there = self.folder.exists()
        return (self.folder.is_dir() if is_there else True) and os.access(
            self.folder if is_there else self.folder.parent, os.W_OK | os.X_OK
        )

    @cached_property
    def _linked(self) -> frozenset[str]:
        """The names in this folder that are links."""
        try:
            with os.scandir(self.folder) as entries:
                return frozenset(entry.name for entry in entries if entry.is_symlink())
        except OSError:
            return frozenset()

    def replace(self, version: Version, document: Document) -> None:
        """
        Replace the document of a copy, such as by the same one with its secrets encrypted again.

        :raises OSError: where it can't be written; the copy is then still there
        """
        check_own(self.folder)
        other = replace(version, document=document)
        content = content_of(other)
        path = self.folder / bucket_of(version.dag_id) / name_of(other, content)
        before = [copy for copy in copies_in(path.parent) if copy.id_part == id_part_of(version.dag_id)]
        write(path, content, version.access)
        for copy in before:
            if copy.path != path:
                copy.path.unlink(missing_ok=True)

    def forget(self, dag_id: str) -> None:
        """Remove the copies for a DAG id, as far as that is possible; the next load removes what is left."""
        part = id_part_of(dag_id)
        with suppress(OSError):
            check_own(self.folder)
            remove((each for each in entries_in(self.folder / bucket_of(dag_id)) if belongs(each, part)), math.inf)

    @contextmanager
    def _alone(self, shard: Shard) -> Iterator[bool]:
        # Without its parents: a missing store must not be created here.
        self.folder.mkdir(exist_ok=True)
        check_own(self.folder)
        descriptor = _opened_lock(self.folder / _lock_name(shard))
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(descriptor)

    def _keep(  # noqa: PLR0913, PLR0917 - those of `keep`
        self,
        good: Collection[Version],
        in_use: InUse,
        since: float,
        complete: bool,
        seconds: float,
        shard: Shard,
        kept: dict[str, str],
    ) -> None:
        present: dict[str, dict[str, os.DirEntry[str]]] = {}
        for entry in entries(self.folder):
            present.setdefault(id_part_in(entry.name), {})[entry.name] = entry
        if complete:
            # Before anything is written: the disk may be full.
            def holds(part: str) -> bool:
                return is_held(part, newest_first(map(copy_of, present[part].values())), shard)

            remove((present[part][name] for part, name in removable(present, good, in_use, holds)), since)
        deadline = time.monotonic() + seconds
        left = 0
        spoilt: dict[Path, str] = {}
        for version in good:
            content = content_of(version)
            name = name_of(version, content)
            others = present.get(id_part_of(version.dag_id), {})
            # A crash of the machine may have left a file that is shorter than what was written.
            is_current = size_of(others.pop(name, None)) == len(content)
            if not is_current and len(content) <= MAX_BYTES:
                if time.monotonic() > deadline:
                    left += 1
                    continue
                path = self.folder / bucket_of(version.dag_id) / name
                try:
                    write(path, content, version.access)
                except OSError as error:
                    if error.errno not in SPOILT:
                        raise
                    spoilt[path.parent if leads_elsewhere(path.parent) else path] = str(error.strerror)
                    continue
            if len(content) <= MAX_BYTES:
                kept[version.dag_id] = f"{bucket_of(version.dag_id)}/{name} {len(content)}"
            remove(others.values(), since)
        for path, reason in islice(spoilt.items(), _MOST_NAMED):
            log.warning("A last good version can't be kept: '%s': %s", path, reason)
        if left:
            log.info("The next parses keep the last good versions of %d more configs", left)


def _opened_lock(path: Path) -> int:
    """
    Return the descriptor of a lock's file, which is created where it is missing.

    :raises OSError: where it can't be opened, or is a link, which may lead anywhere
    """
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, f"its '{path.name}' is a link. Remove it") from None
        raise


def _lock_name(shard: Shard) -> str:
    return _LOCK if shard == WHOLE else f"{_LOCK}_{shard.number}_of_{shard.of}"


class FolderCopies(AllCopies[Copy]):
    """All copies of a folder at one look; none where it can't be listed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def listed(self) -> list[Copy]:
        try:
            return [copy_of(entry) for entry in entries(self._folder)]
        except OSError as error:
            log.warning("the last good versions in '%s' can't be listed: %s", self._folder, error.strerror)
            return []

    def newest_first(self, copies: Iterable[Copy]) -> Iterator[Version]:
        return newest_first(copies)
