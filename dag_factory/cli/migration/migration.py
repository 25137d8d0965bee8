"""
The steps of a migration, in an order in which each may be the last one: run again, the rest is done.

1. Documents are judged; nothing is changed.
2. Where they are copied, they are stored. The plugin's own stay as they are.
3. Generated files are removed, each whose config is good in the store, with a copy of it kept.
4. Where the folder is the store, the documents are replaced in place. Before step 3, the generated files could not read
   them any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol, TypeVar

from dag_factory.cli.migration.assessment import Assessment, Assessor
from dag_factory.cli.migration.generated import Generated, find
from dag_factory.cli.migration.plugin_documents import names_in, read
from dag_factory.cli.migration.removal import Backup, Removal
from dag_factory.configs.allowed import allowed_here
from dag_factory.errors import ConfigError, SettingsError
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.store import ConfigStore
from dag_factory.store.catalog import Catalog
from dag_factory.store.config import Config, check
from dag_factory.store.intake import Intake, take_in

T = TypeVar("T")


class Progress(Protocol):
    """Shows how far a step is."""

    def __call__(self, each: Iterable[T], what: str, total: int) -> Iterator[T]:
        """
        Yield each of some things.

        :param what: what is done with them
        :param total: how many there are
        """


@dataclass(frozen=True)
class File:
    """
    A generated file, and what has become of it, or would.

    :param dag_id: of the document that it reads, None where that is unknown
    :param stays: why it stays, None where it is removed
    """

    generated: Generated
    dag_id: str | None
    stays: str | None


@dataclass
class Migration:
    """
    What a migration has done, or would do.

    :param stored: the names of documents that were stored
    :param failed: why, for each document that could not be stored
    :param plain: names of documents in place that a generated file still reads, so that their secrets stay plain text
    """

    folder: Path
    dags_folder: Path
    is_in_place: bool
    judged: list[Assessment] = field(default_factory=list)
    stored: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    plain: set[str] = field(default_factory=set)
    files: list[File] = field(default_factory=list)
    unread: dict[Path, str] = field(default_factory=dict)
    backup: Path | None = None

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to be done by hand."""
        is_wrong = any(not each.is_good for each in self.judged)
        return not (is_wrong or self.failed or self.plain or self.unread or any(each.stays for each in self.files))

    @property
    def dag_ids(self) -> list[str]:
        """The DAG ids of all good configs, sorted."""
        return sorted(each.dag_id for each in self.judged if each.is_good and each.dag_id is not None)


class Migrator:
    """
    Moves what the plugin has left.

    :param folder: its folder ``dag_generated_configs``
    :param dags_folder: where its generated files lie
    :param store: where configs are to be, None where it is still to be made
    :param backup: the folder for copies, which does not exist yet
    :param progress: shows how far a step is
    """

    def __init__(
        self, folder: Path, dags_folder: Path, store: ConfigStore | None, *, backup: Path, progress: Progress
    ) -> None:
        self._keys = Keys()
        if self._keys.problem is not None:
            raise SettingsError(f"The secrets of configs can't be encrypted: {self._keys.problem}")
        self._store = store
        self._progress = progress
        self._names = names_in(folder)
        self._allowed = allowed_here()
        self._now = datetime.now(timezone.utc).replace(microsecond=0)
        self._assessor = Assessor(store, folder, self._names, self._allowed, self._keys, self._now)
        self._backup = Backup(backup)
        self._removal = Removal(dags_folder, self._backup)
        self.found = Migration(folder, dags_folder, self._assessor.is_in_place)

    def look(self) -> None:
        """Find out what there is to do; nothing is changed."""
        found = self.found
        generated = list(find(found.dags_folder, found.unread))
        reads = {name for file in generated if (name := self._name(file)) is not None}
        documents = self._progress(read(found.folder, self._names), "Reading configs", len(self._names))
        found.judged = [self._assessor.assess(kept, is_read=kept.name in reads) for kept in documents]
        by_name = {each.name: each for each in found.judged}
        found.files = [self._looked_at(file, by_name.get(self._name(file) or "")) for file in generated]

    def move(self, *, remove: bool) -> None:
        """
        Do it.

        :param remove: whether to remove generated files
        :raises StoreError: where the store can't be written
        """
        if not self.found.is_in_place:
            self._take_in({each.name for each in self.found.judged if each.state == "new"})
        if remove:
            self._remove()
        if self.found.is_in_place:
            new = {each.name for each in self.found.judged if each.state == "new"}
            still_read = {self._name(each.generated) for each in self.found.files if each.stays or not remove}
            self.found.plain = new & still_read
            self._take_in(new - still_read)
        if self._backup.is_made:
            self.found.backup = self._backup.path

    def _name(self, file: Generated) -> str | None:
        """Return the name of the document that a generated file reads, None where it lies elsewhere."""
        if file.config is None:
            return None
        try:
            is_here = file.config.parent.resolve() == self.found.folder.resolve()
        except (OSError, RuntimeError):  # before Python 3.13, links that lead in a circle
            return None
        return file.config.name if is_here else None

    def _looked_at(self, file: Generated, judged: Assessment | None) -> File:
        dag_id = judged.dag_id if judged is not None else None
        if file.additions is not None:
            return File(file, dag_id, f"{file.additions}. Remove it yourself, once nothing in it is needed")
        if self._name(file) is None:
            reason = f"it reads '{file.config}', which is not in this folder. Migrate that folder too"
            return File(file, dag_id, reason)
        if judged is None:
            reason = f"its config '{file.config}' is missing, so its DAG can't run. Remove it yourself"
            return File(file, dag_id, reason)
        if not judged.is_good:
            return File(file, dag_id, f"its config '{judged.name}' is not moved. See there")
        return File(file, dag_id, self._removal.obstacle(file))

    def _take_in(self, names: set[str]) -> None:
        """Store documents."""
        assert self._store is not None
        by_key: dict[str, str] = {}

        def intakes() -> Iterator[Intake]:
            for kept in read(self.found.folder, sorted(names)):
                try:
                    if kept.problem is not None:
                        raise kept.problem
                    intake = self._assessor.intake(kept)
                    if intake.replaces is not None:
                        self._backup.keep(f"configs/{kept.name}", kept.data)
                except ConfigError as error:
                    self.found.failed[kept.name] = str(error)
                    continue
                except OSError as error:
                    self.found.failed[kept.name] = f"no copy of it can be kept: {error.strerror}"
                    continue
                by_key[intake.key] = kept.name
                yield intake

        for intake, problem in self._progress(take_in(self._store, intakes()), "Storing configs", len(names)):
            name = by_key.pop(intake.key)
            if problem is None:
                self.found.stored.add(name)
            else:
                self.found.failed[name] = str(problem)

    def _remove(self) -> None:
        """Remove the generated files whose configs are good in the store, as the store is now."""
        assert self._store is not None
        catalog = Catalog(self._store, lambda config: check(config, self._allowed))
        files = self.found.files
        self.found.files = [
            File(each.generated, each.dag_id, each.stays or self._removed(each, catalog))
            for each in self._progress(files, "Removing generated files", len(files))
        ]

    def _removed(self, file: File, catalog: Catalog) -> str | None:
        """Remove a generated file; return why that was not done, None where it was."""
        config = catalog.look_up(str(file.dag_id))
        if not isinstance(config, Config) or config.trouble is not None:
            return "its config in the store is not good"
        return self._removal.remove(file.generated)
