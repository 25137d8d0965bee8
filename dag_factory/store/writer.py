"""The writer: deploy and delete pipelines. It persists, then bumps the marker; the caller asks for a parse."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from dag_factory.configs.at_rest import sealed
from dag_factory.configs.dag_ids import clean_dag_id
from dag_factory.configs.document import MAX_BYTES, Document, mapping_at, parse
from dag_factory.configs.inheritance import DEFAULTS
from dag_factory.configs.pipeline import IngestionPipeline
from dag_factory.configs.problem import Problem
from dag_factory.configs.validation.validator import examine
from dag_factory.errors import ConfigError, ConflictError, StoreError
from dag_factory.portable.secrets.references import (
    decrypted,
    encrypted,
    is_reference,
    is_sealed_newly,
    references_in,
    resealed,
)
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.store import ConfigStore
from dag_factory.store.catalog import Catalog
from dag_factory.store.config import BrokenConfig, Config
from dag_factory.store.config_files import ConfigFiles
from dag_factory.store.file_names import FileNames, deployed_key
from dag_factory.store.pause_change import pause_change

# Each sealed value takes at least so many bytes.
_MAX_SEALED = MAX_BYTES // 150


@dataclass(frozen=True)
class Checked:
    """
    A document without errors, and the pipeline that it describes.

    :param warnings: the document's warnings
    """

    document: Document
    pipeline: IngestionPipeline
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Deployed:
    """
    The result of a deploy.

    :param changed: whether the stored config has changed
    """

    dag_id: str
    changed: bool


def parsed(data: bytes) -> Document:
    """
    Return the document to deploy.

    :param data: an ``IngestionPipeline``, JSON
    :raises ConfigError: where it is not JSON, or holds what no DAG can
    """
    return parse(data, "deploy.json")


def checked(document: Document) -> Checked:
    """
    Return the pipeline to deploy.

    :raises ConfigError: where the document has errors
    """
    verdict = examine(document, warnings=True)
    return Checked(document, verdict.require_pipeline(), verdict.warnings)


def deploy(
    store: ConfigStore,
    checked: Checked,
    toggle: Callable[[str, bool], None] | None = None,
    names: FileNames | None = None,
) -> Deployed:
    """
    Keep a pipeline's config in the store as ``<dag_id>.json``, its secrets encrypted.

    The same document again changes nothing, unless its secrets must be encrypted with a newer key. When this returns,
    the config is on disk, and the marker is new.

    :param toggle: called before the config is stored, with the DAG's id and whether to pause it, if that has changed;
        if it raises, the config stays as it was
    :param names: the kept names of the store's files; None to list the store where that matters
    :raises ConfigError: where the document, merged over its defaults, has errors
    :raises ConflictError: where its name gives the DAG id of another pipeline
    :raises StoreError: where it can't be stored
    """
    document, pipeline, keys = checked.document, checked.pipeline, Keys()
    key, at_rest = deployed_key(pipeline.dag_id), _at_rest(document, pipeline.dag_id, keys)
    _written(at_rest)
    # Two pipelines of one DAG id may be deployed at the same time, maybe by two processes, and must see each other.
    with store.lock():
        present = Catalog(store, names=names).look_up(pipeline.dag_id)
        at_rest = _moved_as(present, at_rest)
        whole = _with_defaults(store, key, at_rest)
        _check_file_is_free(store, key, pipeline.dag_id, names)
        if present is not None:
            _check_same_pipeline(checked, present)
            if present.key == key and _same(at_rest, store, pipeline.dag_id, keys):
                return Deployed(pipeline.dag_id, changed=False)
            if toggle is not None and (paused := pause_change(present.document, whole)) is not None:
                toggle(pipeline.dag_id, paused)
        store.write(key, _written(at_rest))
        store.bump()
    return Deployed(pipeline.dag_id, changed=True)


def stored_form(document: Document, dag_id: str, keys: Keys) -> bytes:
    """
    Return the bytes that a deploy of a document stores, its secrets encrypted with the newest key.

    :raises ConfigError: where they would be too many to read
    :raises SettingsError: where Airflow has no Fernet key to encrypt with
    """
    return _written(_at_rest(document, dag_id, keys))


def delete(store: ConfigStore, name: str, names: FileNames | None = None) -> bool:
    """
    Remove the config of a pipeline, whatever its file's name; return whether it existed.

    One that can no longer be read has no name, and is found by the DAG id. A config of another pipeline whose name
    gives the same DAG id stays, and has that id from then on.

    :param names: the kept names of the store's files; None to list the store
    :raises StoreError: where it can't be removed
    """
    dag_id = clean_dag_id(name)
    with store.lock():
        present = Catalog(store, names=names).look_up(dag_id)
        if present is not None and present.document["name"] != name:
            return False  # the id is another pipeline's
        # The file of this name is removed even if it can no longer be read.
        key = deployed_key(dag_id)
        removed = not _is_anothers(store, key, dag_id, names) and store.delete(key)
        try:
            while (config := Catalog(store, names=names).look_up(dag_id)) is not None:
                if config.document["name"] != name or not store.delete(config.key):
                    break
                removed = True
        except StoreError as error:
            done = f" One config of pipeline '{name}' is already removed. Retry to remove the rest." if removed else ""
            raise StoreError(f"{error}{done}") from error
        if removed:
            store.last_good.forget(dag_id)
            store.bump()
    return removed


def withdraw(store: ConfigStore, dag_id: str, permit: Callable[[bytes, str], bool]) -> bool:
    """
    Remove the file ``<dag_id>.json`` alone, and return whether it was removed.

    :param permit: returns whether the file may be removed, by its content and the DAG id
    :raises StoreError: where it can't be removed
    """
    key = deployed_key(dag_id)
    with store.lock():
        try:
            data = store.read(key)
        except (KeyError, ConfigError):
            return False
        if not permit(data, dag_id) or not store.delete(key):
            return False
        store.last_good.forget(dag_id)
        store.bump()
    return True


def _at_rest(document: Document, dag_id: str, keys: Keys) -> Document:
    """
    Return a document as it is stored, its secrets encrypted with the newest key.

    :raises ConfigError: where it would be too large to read
    """
    values = 0

    def seal(value: str | float) -> dict[str, str]:
        nonlocal values
        values += 1
        if values > _MAX_SEALED:
            raise ConfigError(
                f"holds more than {_MAX_SEALED} values to encrypt (secrets, and fields that no schema knows). Remove "
                "some, or split it into several pipelines"
            )
        return encrypted(value, dag_id=dag_id, keys=keys)

    return sealed(resealed(document, dag_id, keys), seal)


def _moved_as(present: Config | BrokenConfig | None, at_rest: Document) -> Document:
    """Return a document with the ``movedAt`` of the stored one, which no server knows."""
    moved_at = (mapping_at(present.document, "dagFactory") or {}).get("movedAt") if present is not None else None
    ours = at_rest.get("dagFactory") or {}
    if moved_at is None or not isinstance(ours, dict) or is_reference(ours):
        return at_rest
    return {**at_rest, "dagFactory": {"movedAt": moved_at, **ours}}


def _written(at_rest: Document) -> bytes:
    """
    Return the bytes of a config's file.

    :raises ConfigError: where they would be too many to read
    """
    data = json.dumps(at_rest, indent=2, ensure_ascii=False).encode()
    if len(data) > MAX_BYTES:
        raise ConfigError(
            f"takes more than {MAX_BYTES // 1024**2} MiB once its secrets are encrypted, too large for a config. "
            "Remove something, or split it into several pipelines"
        )
    return data


def _with_defaults(store: ConfigStore, key: str, document: Document) -> Document:
    """
    Return a document merged over the defaults of its folder.

    :raises ConfigError: where that would be a broken config
    """
    try:
        whole = ConfigFiles(store).with_defaults(key, document)
        examine(whole).require_pipeline()
    except ConfigError as error:
        raise error.within(DEFAULTS) from None
    return whole


def _check_file_is_free(store: ConfigStore, key: str, dag_id: str, names: FileNames | None) -> None:
    """
    Refuse to replace the config of another DAG, whose file has this name.

    It may have been dropped under any name; and on some file systems ``A.json`` and ``a.json`` are the same file.
    """
    if _is_anothers(store, key, dag_id, names):
        raise ConflictError(
            f"gives the DAG id '{dag_id}', whose config would be the file '{key}', and that is the config of another "
            "pipeline. Rename that file, or the pipeline",
            field="name",
        )


def _is_anothers(store: ConfigStore, key: str, dag_id: str, names: FileNames | None) -> bool:
    """Return whether a config, whatever its file is called, is that of another DAG id than this one."""
    catalog = Catalog(store, names=names)
    config = catalog.judge(key)
    if config is None or config.dag_id == dag_id:
        return False
    # Unless it has lost its own id, and its problem is shown under this one.
    shown = catalog.find(dag_id)
    return shown is None or shown.key != key


def _check_same_pipeline(checked: Checked, present: Config | BrokenConfig) -> None:
    """Refuse a pipeline whose name gives the DAG id of another one."""
    document, pipeline, stored = checked.document, checked.pipeline, present.document
    if "id" in document and all(document.get(field) == stored.get(field) for field in ("id", "name")):
        return  # its service may have been renamed, and so its fullyQualifiedName
    try:
        other = IngestionPipeline.from_document(stored)
    except ConfigError:
        return  # a broken config may be replaced
    if other.fqn != pipeline.fqn:
        raise ConflictError(
            f"gives the DAG id '{pipeline.dag_id}', which belongs to the pipeline '{other.fqn}' "
            f"(config '{present.key}'). Rename one of the two",
            field="name",
        )


def _same(at_rest: Document, store: ConfigStore, dag_id: str, keys: Keys) -> bool:
    """Return whether a stored config has the same values, and the same of them encrypted, with the newest key."""
    try:
        present = parse(store.read(deployed_key(dag_id)), "stored.json")
        is_same = bool(decrypted(at_rest, dag_id, keys) == decrypted(present, dag_id, keys))
    except (ConfigError, KeyError):
        return False  # broken, missing, or encrypted with a missing key
    return is_same and _places(at_rest) == _places(present) and is_sealed_newly(present, keys)


def _places(document: Document) -> list[str]:
    """Return the paths of all references, encrypted values included."""
    return sorted(field for field, _ in references_in(document))
