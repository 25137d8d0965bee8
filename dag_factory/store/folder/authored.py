"""Which store do the files belong to that an author names, and which keys do they have in it?"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dag_factory.configs.inheritance import DEFAULTS_NAMES
from dag_factory.errors import CommandError
from dag_factory.store.own_files import IDENTITY

_REPOSITORY = ".git"
_MARKS = (*DEFAULTS_NAMES, IDENTITY)


@dataclass(frozen=True)
class Authored:
    """
    The files of one store that an author names.

    :param root: the folder of the store
    :param keys: of single files, whether they can be configs or not
    :param folders: within the root, each with all that lies below it; an empty one is the root
    """

    root: Path
    keys: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


def authored(paths: Iterable[Path], root: Path | None = None, configured: Path | None = None) -> list[Authored]:
    """
    Return the stores that some paths lie in, with their keys, in the order in which they are named.

    :param root: the folder of the store, None to find it, see `root_of`
    :param configured: the store of the settings, where it is a folder
    :raises CommandError: where a path is missing, or is not within the root
    """
    keys: dict[Path, list[str]] = {}
    folders: dict[Path, list[str]] = {}
    for path in paths:
        if not os.path.lexists(path):
            raise CommandError(f"'{path}' is missing. Name a file or a folder of configs.")
        found = root or root_of(path if path.is_dir() else path.parent, configured)
        key = key_in(found, path)
        if key is None:
            raise CommandError(f"'{path}' is not in the store '{found}'. Name its own store with --store.")
        into = folders if path.is_dir() else keys
        keys.setdefault(found, [])
        into.setdefault(found, []).append(key)
    return [
        Authored(each, tuple(dict.fromkeys(keys[each])), tuple(dict.fromkeys(folders.get(each, ())))) for each in keys
    ]


def root_of(folder: Path, configured: Path | None = None) -> Path:
    """
    Return the store that a folder of configs is in.

    That is the configured one, or else the highest folder that has defaults or a store's own file, up to the folder of
    the Git repository. Where none has, it is the folder itself.
    """
    folder = _plain(folder)
    if configured is not None and folder.is_relative_to(_plain(configured)):
        return _plain(configured)
    root = folder
    for each in (folder, *folder.parents):
        if any((each / mark).is_file() for mark in _MARKS):
            root = each
        if (each / _REPOSITORY).exists():
            break
    return root


def key_in(root: Path, path: Path) -> str | None:
    """Return the key of a path in a store, empty for the store itself; None where it is not in it."""
    within, above = _plain(path), _plain(root)
    if not within.is_relative_to(above):
        return None
    key = within.relative_to(above).as_posix()
    return "" if key == "." else key


def _plain(path: Path) -> Path:
    """Return a path without `..`. Links stay, since a key is made of the names that the store has."""
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - `resolve` would follow links
