"""A folder that holds the loader files of some shards, and no more of ours."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from dag_factory.dag.loader_file import loader_text
from dag_factory.store.folder.files import replace
from dag_factory.store.shards import Shard, shard_of_file

STORING_SECONDS = 60.0
"""How long Airflow may take to store the DAGs of a parse. Until then, the loaders that had made them before stay."""

_MODE = 0o644


class LoaderFolder:
    """
    Makes loader files, removes those that nobody needs any more, and touches those that Airflow is to parse.

    A file that is right already is not written again: its age is what Airflow goes by.

    :param path: the folder
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def make(self, shards: Iterable[Shard]) -> list[Shard]:
        """
        Make the loader files of some shards; return those that were missing or differed.

        :raises OSError: where one can't be made
        """
        self.path.mkdir(parents=True, exist_ok=True)
        written = [shard for shard in shards if not self.is_made(shard)]
        for shard in written:
            replace(self.path / shard.file_name, loader_text(shard).encode(), mode=_MODE)
        return written

    def is_made(self, shard: Shard) -> bool:
        """Return whether the loader file of a shard is as we make it."""
        try:
            return (self.path / shard.file_name).read_text(encoding="utf-8") == loader_text(shard)
        except (OSError, UnicodeDecodeError):
            return False

    def found(self) -> list[Shard]:
        """Return the shards of all files named like loader files, sorted; none where the folder is missing."""
        with suppress(OSError), os.scandir(self.path) as entries:
            return sorted(shard for entry in entries if (shard := shard_of_file(entry.name)) is not None)
        return []

    def remove(self, shards: Iterable[Shard]) -> list[Shard]:
        """
        Remove loader files that nobody has changed; return those that could be removed.

        :raises OSError: where one can't be removed
        """
        removed = [shard for shard in shards if self.is_made(shard)]
        for shard in removed:
            (self.path / shard.file_name).unlink(missing_ok=True)
        return removed

    def touch(self, shards: Iterable[Shard]) -> None:
        """Make loader files newer, which Airflow notices within about a second; those that are missing are left out."""
        for shard in shards:
            with suppress(OSError):
                os.utime(self.path / shard.file_name)
