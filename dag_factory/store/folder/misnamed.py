"""Files that hold a config but are not read, since their names have another suffix, or are hidden."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from dag_factory.configs.document import SUFFIXES
from dag_factory.configs.problem import WARNING, Problem
from dag_factory.store.folder.files import is_utf8
from dag_factory.store.own_files import is_own_file

# How many bytes of a file are searched, and how many files of a folder.
_BEGINNING = 65_536
_MOST_FILES = 1_000

# Two fields of an IngestionPipeline, or of its defaults, as JSON or YAML begin a line with them.
_FIELD = re.compile(
    r"""(?:^[^\S\n]*|[{,]\s*)(["']?)"""
    r"""(pipelineType|sourceConfig|airflowConfig|openMetadataServerConnection|service|name)\1\s*:""",
    re.MULTILINE,
)
_ENOUGH = 2
_YAML, _JSON = ".yaml", ".json"

NOT_READ = "not_read"
"""The kind of these problems."""

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
                    problem = _misnamed(self._root, path)
                    lines.append(f"file '{problem.config}' {problem.text}")
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
            and is_utf8(entry.name)
        )
    return names[:_MOST_FILES]


def _is_like_a_config(path: Path) -> bool:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        text = file.read(_BEGINNING).decode("utf-8-sig", errors="replace")
    return len({found[2] for found in _FIELD.finditer(text)}) >= _ENOUGH


def not_read(root: Path, folders: Iterable[Path]) -> Iterator[Problem]:
    """
    Yield a warning for each file that looks like a config, and is not read: by its name, or since it is hidden.

    The watcher does not report hidden files: editors write such ones for a moment.

    :param folders: of the store, each to be looked through
    """
    for folder in sorted(folders):
        with suppress(OSError):
            yield from _without_utf8(root, folder)
        for find, problem in ((_candidates, _misnamed), (_hidden, _in_hiding)):
            with suppress(OSError):
                for path in (folder / name for name in find(folder)):
                    with suppress(OSError):
                        if path.is_file() and _is_like_a_config(path):
                            yield problem(root, path)


def _without_utf8(root: Path, folder: Path) -> Iterator[Problem]:
    """Yield a warning for each file or folder whose name no key can have."""
    with os.scandir(folder) as entries:
        names = sorted(os.fsencode(entry.name) for entry in entries if not is_utf8(entry.name))
    for name in names[:_MOST_FILES]:
        key = folder.relative_to(root) / name.decode(errors="backslashreplace")
        problem = "is not a name in UTF-8, so it is not read"
        yield Problem(None, NOT_READ, problem, "Rename it", WARNING, config=str(key))


def _hidden(folder: Path) -> list[str]:
    """Return the names of hidden files that would be read as configs if they were not hidden."""
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.name.startswith(".") and not is_own_file(entry.name))
    return [name for name in names if PurePosixPath(name).suffix.lower() in SUFFIXES and is_utf8(name)][:_MOST_FILES]


def _misnamed(root: Path, path: Path) -> Problem:
    key = path.relative_to(root)
    stem = key.name
    # Cuts `orders.yaml.txt` and `orders.jsonl` before the first suffix that looks like JSON or YAML.
    cut = re.search(r"\.(json|ya?ml)", stem, re.IGNORECASE)
    suffix = _YAML if cut is None or cut[1].lower() != "json" else _JSON
    right = f"{stem[: cut.start()] if cut else stem.rpartition('.')[0] or stem}{suffix}"
    problem = "looks like a config, and is not read: the name of a config ends in .json, .yaml or .yml"
    return Problem(None, NOT_READ, problem, f"If it is one, rename it to '{right}'", WARNING, config=str(key))


def _in_hiding(root: Path, path: Path) -> Problem:
    key = path.relative_to(root)
    problem = "looks like a config, and is not read, since it is hidden"
    way_out = f"If it is one, rename it to '{key.name.lstrip('.')}'"
    return Problem(None, NOT_READ, problem, way_out, WARNING, config=str(key))
