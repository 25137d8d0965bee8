"""The documents that openmetadata-managed-apis has kept in its folder ``dag_generated_configs``."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dag_factory.configs.dag_ids import clean_dag_id, names_a_dag
from dag_factory.configs.document import MAX_BYTES, Document, parse
from dag_factory.errors import CommandError, ConfigError

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True)
class PluginDocument:
    """
    A document that lies in the folder.

    :param name: its file's name
    :param data: what the file holds
    :param document: empty where it can't be read
    :param problem: why it can't be read
    """

    name: str
    data: bytes
    document: Document
    problem: ConfigError | None = None

    @property
    def dag_id(self) -> str | None:
        """The id of its DAG, None where it names none."""
        name = self.document.get("name")
        return clean_dag_id(name) if isinstance(name, str) and names_a_dag(name) else None

    @property
    def is_as_written(self) -> bool:
        """Whether it is as the plugin writes it: on one line. We write many lines."""
        return b"\n" not in self.data.strip()


def names_in(folder: Path) -> list[str]:
    """
    Return the names of the documents in a folder, sorted. The plugin makes no subfolders.

    :raises CommandError: where the folder can't be listed
    """
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError as error:
        raise CommandError(
            f"'{folder}' can't be listed: {error.strerror}. Name the folder of openmetadata-managed-apis's setting "
            "[openmetadata_airflow_apis] dag_generated_configs, and run the command as a user who can read it."
        ) from None
    return [name for name in names if name.endswith(".json") and not name.startswith(".")]


def read(folder: Path, names: list[str]) -> Iterator[PluginDocument]:
    """Yield the documents of a folder. What can't be read is one with a problem."""
    for name in names:
        try:
            data = _content(folder / name)
        except OSError as error:
            reason = f"can't be read: {error.strerror}. Run the command as a user who can read it"
            yield PluginDocument(name, b"", {}, ConfigError(reason, config=name))
            continue
        except ConfigError as error:
            yield PluginDocument(name, b"", {}, error.within(name))
            continue
        try:
            yield PluginDocument(name, data, parse(data, name))
        except ConfigError as error:
            yield PluginDocument(name, data, {}, error.within(name))


def _content(path: Path) -> bytes:
    """
    Return what a file holds, cut where it is larger than a config may be.

    :raises ConfigError: where it is a link, or no file: the plugin makes neither, and a link may lead to a secret
    :raises OSError: where it can't be read
    """
    kind = path.lstat().st_mode
    if stat.S_ISLNK(kind):
        raise ConfigError("is a link, and the plugin makes none. Replace it by the file, or move it yourself")
    if not stat.S_ISREG(kind):
        raise ConfigError("is not a regular file. Remove it")
    with os.fdopen(os.open(path, _READ), "rb") as file:
        return file.read(MAX_BYTES + 1)
