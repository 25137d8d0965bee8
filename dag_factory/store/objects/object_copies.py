"""Last good versions in object storage: beside the configs, so that workers on other machines find them."""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from dag_factory.configs.document import Document
from dag_factory.errors import StoreError
from dag_factory.store.all_copies import AllCopies, removable
from dag_factory.store.copies import (
    MAX_BYTES,
    InUse,
    Version,
    bucket_of,
    content_of,
    id_part_in,
    id_part_of,
    key_part_in,
    key_part_of,
    name_of,
    version_in,
)
from dag_factory.store.last_good import BUDGET_SECONDS, FOLDER
from dag_factory.store.objects.bucket import Bucket
from dag_factory.store.objects.entries import Entry
from dag_factory.store.objects.read_ahead import GrowingReadAhead
from dag_factory.store.shards import WHOLE, Shard

log = logging.getLogger(__name__)

_BATCH = 256
# The service's clock may be ahead of this machine's.
_SKEW_SECONDS = 60.0


class ObjectLastGood:
    """
    Objects ``.last_good/<2 hex>/<DAG id>.<digest of the key>.<digest of the content>.json``, named as files are.

    The name identifies the content, so that loads on several machines write the same objects, and need no lock.

    :param bucket: the store's objects
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._listed: ObjectCopies | None = None

    def find(self, dag_id: str) -> Version | None:
        """
        Return the copy for a DAG id, None where it is missing; lists one folder and reads one object.

        :raises StoreError: where the store can't be reached
        """
        folder = f"{FOLDER}/{bucket_of(dag_id)}"
        return ObjectCopies(self._bucket, self._bucket.list(hidden=folder)).of_id(dag_id)

    def copies(self) -> ObjectCopies:
        """
        Return all copies as they are now, by name; none is read.

        :raises StoreError: where they can't be listed
        """
        self._listed = ObjectCopies(self._bucket, self._bucket.list(hidden=FOLDER))
        return self._listed

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
        """
        Keep copies of good configs, and remove those of configs that were removed, see `LastGoodVersions.keep`.

        :return: the key of each copy that is in place, by DAG id
        """
        try:
            # Those that the load itself has listed.
            copies = self._listed or self.copies()
            self._listed = None
            return self._keep(good, in_use, since - _SKEW_SECONDS, copies, seconds, complete=complete, shard=shard)
        except StoreError as error:
            log.warning("Last good versions of configs can't be kept. %s", error)
            return {}

    def has(self, name: str) -> bool:
        """
        Return whether a copy is in place that `keep` has named.

        To ask the service for each copy would be slow. So each counts as in place until a load lists the copies, as
        every load after a change does. Any other name is that of a file in a folder, from before a setting was changed.
        """
        return name.startswith(f"{FOLDER}/") and (self._listed is None or name in self._listed.names)

    def replace(self, version: Version, document: Document) -> None:
        """
        Replace the document of a copy, such as by the same one with its secrets encrypted again.

        :raises OSError: where it can't be written; the copy is then still there
        """
        other = replace(version, document=document)
        content = content_of(other)
        key = _key_of(other, content)
        try:
            before = self._bucket.list(hidden=key.rpartition("/")[0])
            self._bucket.write_all({key: content})
            self._bucket.remove_all(
                each for each in before if id_part_in(each) == id_part_of(version.dag_id) and each != key
            )
        except StoreError as error:
            raise OSError(errno.EIO, str(error)) from error

    def forget(self, dag_id: str) -> None:
        """Remove the copies for a DAG id, as far as that is possible; the next load removes what is left."""
        with suppress(StoreError):
            present = self._bucket.list(hidden=f"{FOLDER}/{bucket_of(dag_id)}")
            self._bucket.remove_all(key for key in present if id_part_in(key) == id_part_of(dag_id))

    def _keep(  # noqa: PLR0913 - by name
        self,
        good: Collection[Version],
        in_use: InUse,
        since: float,
        copies: ObjectCopies,
        seconds: float,
        *,
        complete: bool,
        shard: Shard,
    ) -> dict[str, str]:
        present = copies.names
        by_id: dict[str, set[str]] = {}
        for key in present:
            by_id.setdefault(id_part_in(key), set()).add(key)
        removed: list[str] = []
        if complete:
            removed += (key for _, key in removable(by_id, good, in_use, lambda part: copies.are_held(part, shard)))
        kept: dict[str, str] = {}
        new: dict[str, bytes] = {}
        outdated: dict[str, set[str]] = {}
        for version in good:
            content = content_of(version)
            key = _key_of(version, content)
            outdated[key] = by_id.get(id_part_of(version.dag_id), set()) - {key}
            if len(content) <= MAX_BYTES:
                kept[version.dag_id] = key
                if key not in present:
                    new[key] = content
        left = self._write(new, seconds)
        removed += (each for key in outdated.keys() - left for each in outdated[key])
        self._bucket.remove_all(key for key in removed if (present[key].changed or since) < since)
        if left:
            log.info("The next parses keep the last good versions of %d more configs", len(left))
        return {dag_id: key for dag_id, key in kept.items() if key not in left}

    def _write(self, new: Mapping[str, bytes], seconds: float) -> frozenset[str]:
        """Write copies, as many as there is time for; return the keys of those that are left."""
        deadline = time.monotonic() + seconds
        keys = list(new)
        while keys and time.monotonic() < deadline:
            batch, keys = keys[:_BATCH], keys[_BATCH:]
            self._bucket.write_all({key: new[key] for key in batch})
        return frozenset(keys)


class ObjectCopy(NamedTuple):
    """The object of a copy."""

    key: str
    id_part: str
    key_part: str


class ObjectCopies(AllCopies[ObjectCopy]):
    """
    Copies at one look.

    :param names: the objects, by their keys
    """

    def __init__(self, bucket: Bucket, names: Mapping[str, Entry]) -> None:
        self._bucket = bucket
        self.names = {key: entry for key, entry in names.items() if key.rpartition("/")[2].count(".") == 3}
        self._ahead = GrowingReadAhead(
            lambda keys: bucket.get_all(keys, MAX_BYTES + 1), lambda key: self.names[key].size
        )

    def listed(self) -> list[ObjectCopy]:
        return [ObjectCopy(key, id_part_in(key), key_part_in(key)) for key in self.names]

    def expect(self, configs: Iterable[tuple[str, str | None]]) -> None:
        expected: list[str] = []
        for key, dag_id in configs:
            for copies in (self._by_key.get(key_part_of(key), ()), self._by_id.get(id_part_of(dag_id or ""), ())):
                expected += (copy.key for copy in self._in_order(copies)[:1])
        self._ahead.expect(expected)

    def newest_first(self, copies: Iterable[ObjectCopy], looks: int = 5) -> Iterator[Version]:
        for copy in self._in_order(copies):
            found = self._ahead.get(copy.key)
            if found is None and looks > 1:
                # A load has just replaced it by a newer one.
                now = ObjectCopies(self._bucket, self._bucket.list(hidden=copy.key.rpartition("/")[0]))
                yield from now.newest_first((each for each in now.listed() if each.id_part == copy.id_part), looks - 1)
            elif found is not None and (version := version_in(found, copy.key)) is not None:
                yield version
            elif found is not None:
                log.warning("'%s' is torn, can't be read, or is not as a load writes it, so it is ignored", copy.key)

    def _in_order(self, copies: Iterable[ObjectCopy]) -> list[ObjectCopy]:
        return sorted(copies, key=lambda copy: (self.names[copy.key].changed or 0, copy.key), reverse=True)


def _key_of(version: Version, content: bytes) -> str:
    return f"{FOLDER}/{bucket_of(version.dag_id)}/{name_of(version, content)}"
