"""Writes the configs of an archive into a store."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field

from dag_factory.configs.dag_ids import clean_dag_id, names_a_dag
from dag_factory.configs.document import Document, parse
from dag_factory.errors import ArchiveError, ConfigError, StoreError
from dag_factory.portable.secrets.references import FERNET, decrypted, references_in
from dag_factory.portable.secrets.sealing import Keys, UnsealError
from dag_factory.store import ConfigStore
from dag_factory.store.archive.reading import Archive
from dag_factory.store.archive.secrets import without_secrets
from dag_factory.store.archive.writing import Shown
from dag_factory.store.intake import Intake, take_in

File = tuple[str, bytes]


@dataclass
class Restored:
    """
    What was done with an archive, by the keys of its files.

    :param written: those that are in the store now
    :param unchanged: how many were there already
    :param differing: those that the store has in another form, and that were therefore not written
    :param sealed_elsewhere: those with a value that the Fernet keys here can't decrypt, with field and reason
    """

    written: list[str] = field(default_factory=list)
    unchanged: int = 0
    differing: list[str] = field(default_factory=list)
    sealed_elsewhere: dict[str, str] = field(default_factory=dict)


def restore(store: ConfigStore, archive: Archive, keys: Keys, *, overwrite: bool, shown: Shown[File]) -> Restored:
    """
    Write the files of an archive into a store: persisted, and covered by a marker. The caller asks for a parse.

    All of the archive is checked before the first file is written. Without ``overwrite``, nothing is written if the
    store has one of the files in another form. If it is stopped in between, each config is whole, and it can be run
    again.

    Files are the same if their documents are, with encrypted values compared decrypted, and without the secrets that
    the archive leaves out.

    :param keys: to compare encrypted values
    :raises ArchiveError: where the archive can't be trusted
    :raises StoreError: where the store can't be reached or written; says how much was written before
    """
    present = frozenset(store.list_keys())
    done, same = Restored(), _Same(store, keys)
    unchanged: set[str] = set()
    count = 0
    # A remote store reads many at a time.
    store.prefetch([key for key, _ in archive.files() if key in present])
    for key, data in shown(archive.files(), "Reading", None):
        count += 1
        _check(key, data)
        if key in present:
            if same.holds(key, data):
                unchanged.add(key)
            else:
                done.differing.append(key)
    done.unchanged = len(unchanged)
    if done.differing and not overwrite:
        return done
    replaceable = frozenset(done.differing)
    done.differing.clear()
    due = (each for each in shown(archive.files(), "Importing", count) if each[0] not in unchanged)
    intakes = _intakes(store, keys, due, replaceable, done)
    try:
        for intake, problem in take_in(store, intakes):
            (done.written if problem is None else done.differing).append(intake.key)
    except StoreError as error:
        raise StoreError(
            f"{error} Before that, {len(done.written)} of {count} files were written. Run it again: it goes on from "
            "there."
        ) from error
    store.check()
    return done


def _intakes(
    store: ConfigStore, keys: Keys, files: Iterable[File], replaceable: Container[str], done: Restored
) -> Iterator[Intake]:
    """Yield what is to be written, in place of what is there only where that may be replaced."""
    for key, data in files:
        present: bytes | None = None
        if key in replaceable:
            try:
                present = store.read(key)
            except KeyError:
                pass  # removed since it was looked at
            except ConfigError:
                done.differing.append(key)  # a broken link, or a folder of that name
                continue
        if problem := _sealed_elsewhere(key, data, keys):
            done.sealed_elsewhere[key] = problem
        yield Intake(key, data, present)


def _sealed_elsewhere(key: str, data: bytes, keys: Keys) -> str | None:
    """Return why a value of a config can't be decrypted here, else None; nothing is decrypted for that."""
    for place, reference in references_in(parse(data, key, may_be_empty=True)):
        if FERNET in reference:
            try:
                keys.check(reference[FERNET])
            except UnsealError as error:
                return f"{place} {error}"
    return None


class _Same:
    """Says whether a store holds the same document as an archive."""

    def __init__(self, store: ConfigStore, keys: Keys) -> None:
        self._store = store
        self._keys = keys

    def holds(self, key: str, data: bytes) -> bool:
        try:
            present = self._store.read(key)
            if present == data:
                return True
            theirs, ours = parse(data, key, may_be_empty=True), parse(present, key, may_be_empty=True)
            if theirs == ours or self._decrypted(theirs) == self._decrypted(ours):
                return True
            bare = without_secrets(present, key)
            return bool(bare.left_out) and parse(bare.data, key, may_be_empty=True) == theirs
        except (ConfigError, KeyError):
            return False

    def _decrypted(self, document: Document) -> Document:
        """Return a document with its encrypted values in the clear, as it is where they can't be read."""
        name = document.get("name")
        if not isinstance(name, str) or not names_a_dag(name):
            return document
        try:
            found: Document = decrypted(document, clean_dag_id(name), self._keys)
        except ConfigError:
            return document
        return found


def _check(key: str, data: bytes) -> None:
    try:
        parse(data, key, may_be_empty=True)
    except ConfigError as error:
        raise ArchiveError(f"The archive can't be imported: {error.within(key)}") from None
