"""Which revisions of files have a version marker: a watcher of the store need not report them."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from dag_factory.store.folder.files import append_own, read_own
from dag_factory.store.own_files import is_key

log = logging.getLogger(__name__)

MAX_BYTES = 1024 * 1024


class Announcements:
    """
    A file to which each writer appends the changes that its marker covers.

    A lost entry costs a parse, at most: `Pending`, not this file, says which changes have no marker.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, revisions: Mapping[str, str | None]) -> None:
        """Announce the revisions of some keys, None where the file was removed. Never fails."""
        if not revisions:
            return
        try:
            descriptor = append_own(self._path, os.O_CREAT)
            with os.fdopen(descriptor, "ab", buffering=0) as file:
                if os.fstat(descriptor).st_size > MAX_BYTES:
                    file.truncate(0)
                # The line break comes first, so that a line cut off by a full disk can't damage the next one.
                file.write(b"\n" + json.dumps(dict(revisions)).encode())
        except OSError as error:
            log.debug("can't keep %s: %s", self._path, error.strerror)

    def all(self) -> dict[str, str | None]:
        """
        Return the newest announced revision of each key, None where the file was removed.

        Keys that are missing were not announced, or their entry is lost.
        """
        announced: dict[str, str | None] = {}
        try:
            lines = read_own(self._path, 2 * MAX_BYTES).decode(errors="replace").splitlines()
        except OSError:
            return announced
        for line in lines:
            with suppress(ValueError, RecursionError):
                announced.update(_announced_in(json.loads(line)))
        return announced


def _announced_in(line: object) -> dict[str, str | None]:
    """Return what a line announces, as far as a writer could have announced it: anybody may have written the line."""
    if not isinstance(line, dict):
        return {}
    return {key: each for key, each in line.items() if is_key(key) and (each is None or isinstance(each, str))}
