"""What a copy of a last good version holds, and how it is named, in a folder as in object storage."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass

from dag_factory.configs.dag_ids import MAX_DAG_ID, clean_dag_id, names_a_dag
from dag_factory.configs.document import Document, check_values
from dag_factory.errors import ConfigError
from dag_factory.store.file_names import fitting
from dag_factory.store.folder.access import OWNER_ONLY, Access, access_in
from dag_factory.store.own_files import is_key

# Merged over its defaults, a config may be larger than one file may be. A copy beyond this limit is not read.
MAX_BYTES = 8 * 1024 * 1024

# A file's name has 255 bytes at most, and a DAG id up to 250.
_WHOLE_ID = 120
# No DAG id has it.
_CUT = "~"


@dataclass(frozen=True)
class Version:
    """
    A config as a DAG was built from it.

    :param document: with the defaults of its folders
    :param access: who may read the files that it was made from
    """

    dag_id: str
    key: str
    document: Document
    access: Access = OWNER_ONLY


@dataclass(frozen=True)
class InUse:
    """
    Copies that must stay as they are.

    :param dag_ids: for which all stay
    :param keys: of configs of which all stay, unless another config's copy has taken the place
    :param names: of single copies, as `keep` returned them. Others for the same DAG ids go, as far as these are there
    """

    dag_ids: Collection[str] = ()
    keys: Collection[str] = ()
    names: Collection[str] = ()


def version_in(content: bytes, name: str) -> Version | None:
    """
    Return the version that a copy holds, None where it is incomplete, or not as a load writes it.

    Authors can write copies too. So nothing counts that a load could not have found: a DAG id or key that leads out of
    a folder, a document without the name that gives the DAG id, or permissions that let everybody write.

    :param name: of its file, or its key
    """
    name = name_in(name)
    try:
        if name.split(".")[-2:-1] != [_digest(content)]:
            return None
        held = json.loads(content)
        version = Version(held["dag_id"], held["key"], held["document"], access_in(held["access"]))
        if not _can_be(version) or name != name_of(version, content):
            return None
        check_values(version.document)
    except (ValueError, LookupError, TypeError, RecursionError, ConfigError):
        return None
    return version


def _can_be(version: Version) -> bool:
    """Return whether each field is of its kind, and is what a config can have."""
    dag_id, key = version.dag_id, version.key
    is_dag_id = isinstance(dag_id, str) and clean_dag_id(dag_id) == dag_id and len(dag_id) <= MAX_DAG_ID
    return is_dag_id and isinstance(key, str) and is_key(key) and _names(version.document, dag_id)


def _names(document: object, dag_id: str) -> bool:
    """Return whether a document has a name, and that gives a DAG id: a DAG is only ever built from such a document."""
    name = document.get("name") if isinstance(document, dict) else None
    return isinstance(name, str) and names_a_dag(name) and fitting(clean_dag_id(name)) == dag_id


def content_of(version: Version) -> bytes:
    """Return what the file of a version holds."""
    access = version.access
    held = {
        "dag_id": version.dag_id,
        "key": version.key,
        # Part of the digest, so that a copy is replaced when others may no longer read the config.
        "access": [access.mode, access.group],
        "document": version.document,
    }
    return json.dumps(held, ensure_ascii=False, separators=(",", ":")).encode()


def name_of(version: Version, content: bytes) -> str:
    """Return the name of the file of a version."""
    return f"{id_part_of(version.dag_id)}.{key_part_of(version.key)}.{_digest(content)}.json"


def id_part_of(dag_id: str) -> str:
    """Return the part of a file's name that says which DAG id it is for."""
    return dag_id if len(dag_id) <= _WHOLE_ID else f"{dag_id[:_WHOLE_ID]}{_CUT}{_digest(dag_id.encode())}"


def is_whole(id_part: str) -> bool:
    """Return whether the part of a name is the DAG id itself, rather than its beginning and a digest."""
    return _CUT not in id_part


def key_part_of(key: str) -> str:
    """Return the part of a file's name that says which config it is of."""
    return _digest(key.encode())[:16]


def name_in(place: str) -> str:
    """Return the name of a copy's file from its path, its key, or what `keep` returned."""
    return place.rpartition("/")[2].partition(" ")[0]


def id_part_in(name: str) -> str:
    """Return the part of a copy's name, or of its key, that says which DAG id it is for."""
    return name_in(name).partition(".")[0]


def key_part_in(name: str) -> str:
    """Return the part of a copy's name, or of its key, that says which config it is of; empty where it has none."""
    parts = name_in(name).split(".")
    return parts[1] if len(parts) > 2 else ""


def bucket_of(dag_id: str) -> str:
    """Return the name of the folder in which the copies for a DAG id lie."""
    return _digest(dag_id.encode())[:2]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
