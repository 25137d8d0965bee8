"""What is to become of each document: can it run here, is it in the store already, and what will be different?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dag_factory.cli.migration.differences import Difference, differences
from dag_factory.cli.migration.plugin_documents import PluginDocument
from dag_factory.configs.allowed import Allowed
from dag_factory.configs.document import Document, mapping_at, parse
from dag_factory.configs.pipeline import IngestionPipeline
from dag_factory.configs.validation.validator import examine
from dag_factory.errors import ConfigError
from dag_factory.portable.secrets.references import decrypted
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.store.claims import Claims
from dag_factory.store.config_files import ConfigFiles
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.intake import Intake
from dag_factory.store.writer import stored_form

if TYPE_CHECKING:
    from dag_factory.store import ConfigStore

State = Literal["new", "there", "newer", "wrong"]
"""
What a document is to the store: ``new``, to be stored; ``there``, with the same values; ``newer``, the store has other
values for this DAG id; ``wrong``, it can't run here.
"""

_OURS, _MOVED_AT = "dagFactory", "movedAt"


@dataclass(frozen=True)
class Assessment:
    """
    The judgement on a document.

    :param name: its file's name
    :param problem: why it is ``wrong`` or ``newer``
    :param differences: what behaves differently here
    """

    name: str
    dag_id: str | None
    state: State
    problem: str | None = None
    differences: tuple[Difference, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether the store has a config for its DAG id, or is to get it."""
        return self.state != "wrong"


class Assessor:
    """
    Judges documents one by one; nothing is changed.

    :param store: where they are to be stored, None where it is still to be made
    :param folder: where they lie; it may be the store
    :param names: of all files to be judged
    :param now: from when on their schedules count here
    """

    def __init__(  # noqa: PLR0913, PLR0917 - each is one thing that a judgement needs
        self, store: ConfigStore | None, folder: Path, names: Iterable[str], allowed: Allowed, keys: Keys, now: datetime
    ) -> None:
        self._store = store
        self._names = frozenset(names)
        self._files = ConfigFiles(store) if store is not None else None
        self._allowed = allowed
        self._keys = keys
        self._now = now
        self._prefix = prefix_in(store, folder)
        self._seen: dict[str, str] = {}
        self._claimed = _claimed(store, self._names) if store is not None and self._prefix is None else {}

    @property
    def is_in_place(self) -> bool:
        """Whether the folder is the store, or lies in it."""
        return self._prefix is not None

    def assess(self, kept: PluginDocument, *, is_read: bool) -> Assessment:
        """
        Return what is to become of a document.

        :param is_read: whether a generated file reads it
        """
        if kept.problem is not None:
            return Assessment(kept.name, None, "wrong", str(kept.problem))
        key = self.key(kept)
        try:
            whole = self._as_moved(kept)
            if self._files is not None:
                whole = self._files.with_defaults(key, whole)
            pipeline = examine(whole, self._allowed).require_pipeline()
        except ConfigError as error:
            return Assessment(kept.name, kept.dag_id, "wrong", str(error.within(kept.name)))
        named = f"{pipeline.dag_id}.json"
        other = self._seen.setdefault(pipeline.dag_id, named if named in self._names else kept.name)
        if other != kept.name:
            problem = f"gives the DAG id '{pipeline.dag_id}', as '{other}' does. Remove one of the two"
            return Assessment(kept.name, pipeline.dag_id, "wrong", str(ConfigError(problem, config=kept.name)))
        state, reason = self._state(kept, key, pipeline, is_read=is_read)
        found = tuple(differences(pipeline, kept.document, self._now)) if state == "new" else ()
        return Assessment(kept.name, pipeline.dag_id, state, reason, found)

    def key(self, kept: PluginDocument) -> str:
        """Return the key under which a document is, or is to be, in the store."""
        return f"{self._prefix}{kept.name}" if self._prefix is not None else f"{kept.dag_id}.json"

    def intake(self, kept: PluginDocument) -> Intake:
        """
        Return what to store for a document that is ``new``: with the moment of its move, and its secrets encrypted.

        :raises ConfigError: where it would be too large
        """
        data = stored_form(self._as_moved(kept), str(kept.dag_id), self._keys)
        return Intake(self.key(kept), data, kept.data if self.is_in_place else None)

    def _as_moved(self, kept: PluginDocument) -> Document:
        document = kept.document
        ours = document.get(_OURS)
        if not (mapping_at(document, "airflowConfig") or {}).get("scheduleInterval") or not isinstance(
            ours or {}, dict
        ):
            return document
        return {**document, _OURS: {_MOVED_AT: self._now.isoformat(), **(ours or {})}}

    def _state(
        self, kept: PluginDocument, key: str, pipeline: IngestionPipeline, *, is_read: bool
    ) -> tuple[State, str | None]:
        if self.is_in_place:
            return ("new" if kept.is_as_written or is_read else "there"), None
        if (other := self._claimed.get(pipeline.dag_id)) is not None:
            return "newer", f"config '{other}' of the store has the DAG id '{pipeline.dag_id}', and is left as it is"
        try:
            present = parse(self._store.read(key), key) if self._store is not None else None
        except KeyError:
            present = None
        except ConfigError as error:
            return "newer", f"{error.within(key)}. It is left as it is"
        if present is None:
            return "new", None
        if _same(present, kept.document, pipeline.dag_id, self._keys):
            return "there", None
        return "newer", f"the store has '{key}' already, with other values, and is left as it is"


def prefix_in(store: ConfigStore | None, folder: Path) -> str | None:
    """Return what the keys of a folder's files begin with in a store, None where it does not lie there."""
    if not isinstance(store, FolderStore):
        return None
    root, resolved = store.root.resolve(), folder.resolve()
    if not resolved.is_relative_to(root):
        return None
    return "".join(f"{part}/" for part in resolved.relative_to(root).parts)


def _claimed(store: ConfigStore, names: frozenset[str]) -> Mapping[str, str]:
    """Return the configs of a store by DAG id, without those that have the names of the documents themselves."""
    claims = Claims(store)
    found = map(claims.of, sorted({*claims.keys()} - names))
    return {claim.named_id: claim.key for claim in found if claim is not None and claim.named_id is not None}


def _same(present: Document, document: Document, dag_id: str, keys: Keys) -> bool:
    try:
        opened = decrypted(present, dag_id, keys)
    except ConfigError:
        return False
    ours = {name: value for name, value in (opened.get(_OURS) or {}).items() if name != _MOVED_AT}
    others = {name: value for name, value in opened.items() if name != _OURS}
    return bool(others | ({_OURS: ours} if ours else {}) == document)
