"""Writes a config store into an archive."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, TypeVar

from dag_factory.configs.dag_ids import clean_dag_id, names_a_dag
from dag_factory.configs.document import parse
from dag_factory.errors import ArchiveError, ConfigError, SettingsError
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.store import ConfigStore
from dag_factory.store.archive import ENCRYPTED, FOLDER, FORMAT, LEFT_OUT, MANIFEST, MODE
from dag_factory.store.archive.secrets import Portable, with_sealed_secrets, without_secrets
from dag_factory.store.config_files import ConfigFiles, is_defaults

T = TypeVar("T")
Shown = Callable[[Iterable[T], str, "int | None"], Iterable[T]]
"""Shows how far a loop is: takes what it goes through, what it does, and how many there are, if that is known."""

_DISTRIBUTION = "openmetadata-dag-factory"
_GZIP = (".gz", ".tgz")


@dataclass
class Exported:
    """
    What an archive holds, by the keys of the files.

    :param files: how many, those of defaults included
    :param encrypted: the fields whose secrets are encrypted in it, and are not in the store
    :param left_out: the fields that are not in it
    :param rewritten: the YAML files whose comments are not in it
    :param missing: the files that are not in it, each with the reason
    """

    files: int = 0
    encrypted: dict[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: dict[str, tuple[str, ...]] = field(default_factory=dict)
    rewritten: list[str] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)


def export(store: ConfigStore, path: Path, *, secrets: str, keys: Keys, shown: Shown[str]) -> Exported:
    """
    Write a store's configs and defaults into a new file, whole or not at all.

    While it works, others may change the store: each config is as it was at one moment, but not all at the same one.

    :param secrets: `ENCRYPTED` or `LEFT_OUT`
    :param keys: to encrypt with
    :raises ArchiveError: where the file exists, or can't be written
    :raises SettingsError: where secrets are to be encrypted, and no key is configured
    :raises StoreError: where the store can't be reached
    """
    if secrets == ENCRYPTED and keys.problem is not None:
        raise SettingsError(f"{keys.problem}. Or leave secrets out: --secrets {LEFT_OUT}")
    done = Exported()
    listed = sorted(store.list_keys(done.missing), key=lambda key: (not is_defaults(key), key))
    # A remote store reads many at a time.
    store.prefetch(listed)
    files = ConfigFiles(store)
    with (
        _new_file(path) as raw,
        _compressed(raw, path) as file,
        # Of Python's formats, PAX takes names of any length and script.
        tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for key in shown(listed, "Exporting", len(listed)):
            try:
                found = _portable(store, files, key, secrets, keys)
            except KeyError:
                continue  # removed since it was listed
            except ConfigError as error:
                done.missing[key] = error.problem
                continue
            _add(archive, FOLDER + key, found.data, store.changed(key))
            _note(done, key, found)
        _add(archive, MANIFEST, _manifest(done, secrets), None)
    # Had it been unmounted meanwhile, the archive would hold less than the store.
    store.check()
    return done


def _portable(store: ConfigStore, files: ConfigFiles, key: str, secrets: str, keys: Keys) -> Portable:
    data = store.read(key)
    if secrets == LEFT_OUT:
        return without_secrets(data, key)
    if is_defaults(key):
        return with_sealed_secrets(data, key, None, keys)
    dag_id = _dag_id(files, key, data)
    if dag_id is not None:
        return with_sealed_secrets(data, key, dag_id, keys)
    found = without_secrets(data, key)
    if found.left_out:
        raise ConfigError("has secrets but no name, and a secret is encrypted for one DAG. Give the pipeline a name")
    return found


def _dag_id(files: ConfigFiles, key: str, data: bytes) -> str | None:
    """Return the DAG id that a config's document names, None where it names none."""
    own = parse(data, key, may_be_empty=True)
    name = own["name"] if "name" in own else files.with_defaults(key, own).get("name")
    return clean_dag_id(name) if isinstance(name, str) and names_a_dag(name) else None


def _note(done: Exported, key: str, found: Portable) -> None:
    done.files += 1
    if found.encrypted:
        done.encrypted[key] = found.encrypted
    if found.left_out:
        done.left_out[key] = found.left_out
    if found.is_rewritten and not key.lower().endswith(".json"):
        done.rewritten.append(key)


def _manifest(done: Exported, secrets: str) -> bytes:
    content = {
        "format": FORMAT,
        "made_by": f"{_DISTRIBUTION} {version(_DISTRIBUTION)}",
        "secrets": secrets,
        "files": done.files,
        "left_out": done.left_out,
        "missing": done.missing,
    }
    return json.dumps(content, indent=2, ensure_ascii=False).encode()


def _add(archive: tarfile.TarFile, name: str, data: bytes, changed: float | None) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    member.mode = MODE
    member.mtime = int(changed or 0)
    archive.addfile(member, io.BytesIO(data))


@contextmanager
def _new_file(path: Path) -> Iterator[IO[bytes]]:
    """Make a file that only its user can read, under its name once it is whole and on disk."""
    if os.path.lexists(path):
        raise ArchiveError(f"'{path}' exists already. Name another file, or remove it")
    with ExitStack() as stack:
        try:
            file = stack.enter_context(NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".new", delete=False))
            stack.callback(_removed, Path(file.name))
            yield file
            file.flush()
            os.fsync(file.fileno())
            # Unlike a rename, it replaces no file that somebody has made meanwhile.
            os.link(file.name, path)
        except OSError as error:
            raise ArchiveError(f"'{path}' can't be written: {error.strerror}. Name another file") from error


def _removed(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


@contextmanager
def _compressed(file: IO[bytes], path: Path) -> Iterator[IO[bytes]]:
    """Yield what compresses into a file, if its name says so."""
    if path.suffix.lower() not in _GZIP:
        yield file
        return
    # Without a time in it, the same store makes the same bytes.
    with gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0) as packed:
        yield packed  # type: ignore[misc]
