"""Which files or objects of a store are its own, and which texts can be a config's key."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from dag_factory.configs.document import SUFFIXES
from dag_factory.store.folder.files import NEW
from dag_factory.store.shards import WHOLE, Shard

# The store's own files are hidden: hidden files are never configs.
IDENTITY = ".store"
NOTES = ".dag_ids.json"
MARKER = ".version"
NAMES = ".names"
LOADED = ".loaded"
LOAD = ".load.json"
LOCK = ".lock"
ANNOUNCED = ".announced"
PENDING = ".pending"

_LOADED_BY_SHARD = re.compile(rf"{re.escape(LOADED)}_\d+_of_\d+")
_OWN = frozenset({IDENTITY, NOTES, NAMES, MARKER, LOAD, LOADED, LOCK, ANNOUNCED, PENDING})


def is_own_file(name: str) -> bool:
    """Return whether a name is that of one of the store's own files."""
    is_unfinished = name.startswith(".") and name.endswith(NEW)
    return name in _OWN or is_unfinished or _LOADED_BY_SHARD.fullmatch(name) is not None


def loaded_name(shard: Shard) -> str:
    """Return the name of the file that holds the marker which a shard's load has found."""
    return LOADED if shard == WHOLE else f"{LOADED}_{shard.number}_of_{shard.of}"


def is_key(text: str) -> bool:
    """Return whether a text can be a key. A note that was tampered with must not lead out of the store."""
    path = PurePosixPath(text)
    hidden = any(part.startswith(".") for part in path.parts)
    return not path.is_absolute() and not hidden and path.suffix.lower() in SUFFIXES and _can_be_a_path(text)


def _can_be_a_path(text: str) -> bool:
    """Return whether a file can have a path: JSON can hold texts for which the kernel is not even asked."""
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return "\0" not in text
