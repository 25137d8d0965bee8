"""Files that hold a config but are not read, since their names have another suffix."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from dag_factory.configs.document import SUFFIXES

# How many bytes of a file are searched, and how many files of a folder.
_BEGINNING = 65_536
_MOST_FILES = 1_000

# Two fields of an IngestionPipeline, or of its defaults, as JSON or YAML begin a line with them.
_FIELD = re.compile(
    r"""(?:^|[{,])\s*(["']?)(pipelineType|sourceConfig|airflowConfig|openMetadataServerConnection|service|name)\1\s*:""",
    re.MULTILINE,
)
_ENOUGH = 2
_YAML, _JSON = ".yaml", ".json"

Stamp = tuple[int, int]


class Misnamed:
    """The files of a store that look like configs by their content, but not by their names. Each is found once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folders: dict[Path, int] = {}
        self._candidates: dict[Path, dict[str, Stamp | None]] = {}
        self._said: set[Path] = set()

    def look(self, folders: Iterable[Path]) -> list[str]:
        """
        Return a line for each such file that has appeared since the last call. Never fails.

        Only folders that have changed are listed again, so a call costs very little.
        """
        lines = []
        for folder in folders:
            with suppress(OSError):
                changed = folder.stat().st_mtime_ns
                if self._folders.get(folder) != changed:
                    self._folders[folder] = changed
                    known = self._candidates.get(folder, {})
                    self._candidates[folder] = {name: known.get(name) for name in _candidates(folder)}
            for path in [folder / name for name in self._found(folder)]:
                if path not in self._said:
                    self._said.add(path)
                    lines.append(_line(self._root, path))
        return lines

    def _found(self, folder: Path) -> Iterator[str]:
        candidates = self._candidates.get(folder, {})
        for name, known in candidates.items():
            with suppress(OSError, UnicodeDecodeError):
                status = (folder / name).stat()
                stamp = (status.st_mtime_ns, status.st_size)
                if stamp != known and stat.S_ISREG(status.st_mode):
                    candidates[name] = stamp
                    if _is_like_a_config(folder / name):
                        yield name


def _candidates(folder: Path) -> list[str]:
    """Return the names of files that are not read as configs, without hidden ones and backups of editors."""
    with os.scandir(folder) as entries:
        names = sorted(
            entry.name
            for entry in entries
            if not entry.name.startswith((".", "#"))
            and not entry.name.endswith(("~", ".py", ".md"))
            and PurePosixPath(entry.name).suffix.lower() not in SUFFIXES
            and entry.is_file()
        )
    return names[:_MOST_FILES]


def _is_like_a_config(path: Path) -> bool:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        text = file.read(_BEGINNING).decode("utf-8-sig", errors="replace")
    return len({found[2] for found in _FIELD.finditer(text)}) >= _ENOUGH


def _line(root: Path, path: Path) -> str:
    key = path.relative_to(root)
    stem = key.name
    # Cuts `orders.yaml.txt` and `orders.jsonl` before the first suffix that looks like JSON or YAML.
    cut = re.search(r"\.(json|ya?ml)", stem, re.IGNORECASE)
    suffix = _YAML if cut is None or cut[1].lower() != "json" else _JSON
    right = f"{stem[: cut.start()] if cut else stem.rpartition('.')[0] or stem}{suffix}"
    return (
        f"file '{key}' looks like a config, and is not read: the name of a config ends in .json, .yaml or .yml. "
        f"If it is one, rename it to '{right}'"
    )
