"""Which objects are configs."""

from __future__ import annotations

from pathlib import PurePosixPath

from dag_factory.configs.document import SUFFIXES
from dag_factory.store.own_files import is_key


def is_config(key: str) -> bool:
    """
    Return whether an object's key is that of a config, as a file of this path would be.

    Keys may be any text: those with a hidden part, ``..`` or an empty name in them are not. Nor are those in which
    clients find the version of another object.
    """
    path = PurePosixPath(key)
    names_a_version = "?versionid=" in key.lower()
    return path.suffix.lower() in SUFFIXES and str(path) == key and is_key(key) and not names_a_version
