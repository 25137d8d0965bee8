"""Which revisions of files a version marker was made for: to a watcher of the store, these are no news."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from dag_factory.store.folder.files import read_own

log = logging.getLogger(__name__)

MAX_BYTES = 1024 * 1024


class Announcements:
    """
    A file to which each writer appends what its marker covers. What it has lost, or forgotten, costs a parse, at most.

    Nothing else depends on it: which changes no marker covers is known by `Pending`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, revisions: Mapping[str, str | None]) -> None:
        """Announce the revisions of some keys, None where the file was removed. Never fails."""
        if not revisions:
            return
        try:
            # For the owner alone: Airflow's user, who deploys and watches.
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self._path, flags, 0o600)
            with os.fdopen(descriptor, "ab", buffering=0) as file:
                if os.fstat(descriptor).st_size > MAX_BYTES:
                    file.truncate(0)
                # The line break comes first: a line that was torn when the disk was full spoils no other one.
                file.write(b"\n" + json.dumps(dict(revisions)).encode())
        except OSError as error:
            log.debug("can't keep %s: %s", self._path, error.strerror)

    def all(self) -> dict[str, str | None]:
        """
        Return the newest revision of each key that was announced, None where that was the file's removal.

        It is not known of all keys: of those that are not there, somebody has yet to say that they have changed.
        """
        announced: dict[str, str | None] = {}
        try:
            lines = read_own(self._path, 2 * MAX_BYTES).decode(errors="replace").splitlines()
        except OSError:
            return announced
        for line in lines:
            with suppress(ValueError, TypeError, RecursionError):
                announced.update(json.loads(line))
        return announced
