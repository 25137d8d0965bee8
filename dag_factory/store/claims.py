"""Which DAG id does each config name, merged over its defaults? Several may claim the same one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from dag_factory.configs.dag_ids import NO_DAG_ID, clean_dag_id, names_a_dag
from dag_factory.configs.document import Document
from dag_factory.configs.inheritance import DEFAULTS_NAMES
from dag_factory.errors import ConfigError
from dag_factory.store.config_files import ConfigFiles, Contents, defaults_keys, is_defaults
from dag_factory.store.file_names import fitting, stem_id
from dag_factory.store.index import Named
from dag_factory.store.stamps import Stamp

if TYPE_CHECKING:
    from dag_factory.store import ConfigStore
    from dag_factory.store.all_copies import AllCopies
    from dag_factory.store.index import Index
    from dag_factory.store.load_time import LoadTime
    from dag_factory.store.verdicts import Verdicts

# How many configs are read until what they name is noted.
_BATCH = 1000
# The same once Airflow may soon end the load.
_LATE_BATCH = 50
_NO_FILE = Stamp("-")


@dataclass(frozen=True)
class Claim:
    """
    What a config's document names.

    :param named_id: the DAG id that the document's name gives, None where it names none
    :param stamp: of its file and its defaults, None where they were not looked at
    :param open: reads the config
    :param is_open: whether it has been read
    """

    key: str
    named_id: str | None
    stamp: Stamp | None
    open: Callable[[], Contents] = field(repr=False, compare=False)
    is_open: bool = field(default=False, repr=False, compare=False)

    @cached_property
    def contents(self) -> Contents:
        """What the file holds. It is opened when this is first asked for."""
        return self.open()

    @property
    def document(self) -> Document | None:
        return self.contents.document

    @property
    def problem(self) -> ConfigError | None:
        return self.contents.problem

    @property
    def stem_id(self) -> str:
        """The DAG id that the file's name gives."""
        return stem_id(self.key)


class Claims:
    """
    The claims of a store's configs, each merged over the defaults of its folders.

    :param store: read when a claim is asked for; each file of defaults is read once
    :param index: knows what configs name. Only those that have changed since are opened
    """

    def __init__(self, store: ConfigStore, index: Index | None = None) -> None:
        self._store = store
        self._index = index
        self._files = ConfigFiles(store)
        self.unlisted: dict[str, str] = {}
        """The folders whose configs can't be listed, with the reason; known once a list was asked for."""

    def keys(self) -> list[str]:
        """
        Return the keys of all configs that can be listed, sorted.

        :raises StoreError: where the store can't be listed
        """
        return [key for key in self._store.list_keys(self.unlisted) if not is_defaults(key)]

    def all(self, verdicts: Verdicts, load_time: LoadTime, needed: Callable[[str], bool]) -> list[Claim]:
        """
        Return all claims, also of configs that were good and are in a folder that can no longer be listed.

        :param verdicts: has the last good versions
        :param load_time: says which configs are left out, and which are not read this time
        :param needed: returns whether the document of a DAG id will be asked for; others are not held in memory
        :raises StoreError: where the store can't be listed
        """
        stamps = self._stamps()
        named = self._index.named() if self._index is not None else {}
        claims: list[Claim] = []
        to_read: list[str] = []
        for key, stamp in stamps.items():
            known = named.get(key)
            if known is None or stamp is None or not stamp.is_certain or known.stamp != stamp.text:
                to_read.append(key)
            else:
                claims.append(Claim(key, known.dag_id, stamp, partial(self._reopened, key, known.dag_id)))
        claims += self._read(to_read, stamps, named, load_time, len(claims), needed)
        if self.unlisted:
            claims += self._unlisted(verdicts.copies, stamps, named)
        elif self._index is not None:
            self._index.note_named({}, named.keys() - stamps.keys())
        return claims

    def _stamps(self) -> dict[str, Stamp | None]:
        """
        Return for each config that can be listed the stamp of its file and its defaults; None without an index.

        :raises StoreError: where the store can't be listed
        """
        if self._index is None:
            return dict.fromkeys(self.keys())
        stamps = self._store.stamps(self.unlisted)
        inherited: dict[str, Stamp] = {}
        found: dict[str, Stamp | None] = {}
        for key, (text, is_certain) in stamps.items():
            folder, _, name = key.rpartition("/")
            if name in DEFAULTS_NAMES:
                continue
            if folder not in inherited:
                defaults = [stamps.get(each, _NO_FILE) for each in defaults_keys(key)]
                inherited[folder] = Stamp(
                    " ".join(each.text for each in defaults), all(each.is_certain for each in defaults)
                )
            of_defaults = inherited[folder]
            found[key] = Stamp(f"{text} {of_defaults.text}", is_certain and of_defaults.is_certain)
        return found

    def _read(  # noqa: PLR0913, PLR0917 - what decides on each config
        self,
        keys: list[str],
        stamps: Mapping[str, Stamp | None],
        named: Mapping[str, Named],
        load_time: LoadTime,
        before: int,
        needed: Callable[[str], bool],
    ) -> list[Claim]:
        """
        Return the claims of configs that have to be opened, as far as there is time, and note what they name.

        :param named: what they named when they were opened before; one that is put off still names that
        """
        claims: list[Claim] = []
        found: dict[str, Named] = {}
        in_order = load_time.in_order(keys, self._store.size)
        self._store.prefetch(in_order)
        load_time.begin_step()
        for number, key in enumerate(in_order, before):
            if load_time.leaves_out(key, number):
                continue
            if load_time.puts_off(key, self._store.size):
                claims.append(_put_off(key, named[key].dag_id if key in named else None))
                continue
            contents = self._files.contents(key)
            if contents is None:
                continue
            claim = _claim(key, contents, stamps[key])
            if claim.stamp is not None and claim.stamp.is_certain and contents.document is not None:
                found[key] = Named(claim.stamp.text, claim.named_id)
            if self._index is not None:
                if claim.named_id is not None and not needed(claim.named_id):
                    # All documents of a store would fill the memory of each shard's load.
                    claim = Claim(key, claim.named_id, claim.stamp, partial(self._reopened, key, claim.named_id))
                if len(found) >= (_LATE_BATCH if load_time.is_late else _BATCH):
                    # If Airflow ends this load, the next one goes on from here.
                    self._index.note_named(found)
                    found = {}
            claims.append(claim)
        if self._index is not None:
            self._index.note_named(found)
        return claims

    def _unlisted(
        self, copies: AllCopies[Any], listed: Collection[str], named: Collection[str] = ()
    ) -> Iterator[Claim]:
        # A broken link counts as such a folder too, and may stay for months, so each load opens few copies.
        for key in sorted(copies.keys([*named, *listed]) - frozenset(listed)):
            folder = next((each for each in map(str, PurePosixPath(key).parents) if each in self.unlisted), None)
            if folder is not None:
                reason = f"lies in folder '{folder}', which can't be listed: {self.unlisted[folder]}"
                contents = Contents(problem=ConfigError(reason, config=key))
                yield self.of(key) or _claim(key, contents)

    def of(self, key: str) -> Claim | None:
        """Return a config's claim, None where it was removed since it was listed."""
        contents = self._files.contents(key)
        return _claim(key, contents) if contents is not None else None

    def _reopened(self, key: str, named_id: str | None) -> Contents:
        """Return what a config holds that has named a DAG id; where it names another one by now, that is a problem."""
        contents = self._files.contents(key)
        if contents is None or (contents.document is not None and named_in(contents.document) != named_id):
            if self._index is not None:
                # It may be changed back to the file that it was, as by a link that is swapped back.
                self._index.note_named({}, (key,))
            return Contents(problem=_changed(key))
        return contents


def _claim(key: str, contents: Contents, stamp: Stamp | None = None) -> Claim:
    named_id = named_in(contents.document) if contents.document is not None else None
    return Claim(key, named_id, stamp, lambda: contents, is_open=True)


def named_in(document: Document) -> str | None:
    """Return the DAG id that a document's name gives, None where it names none."""
    name = document.get("name")
    return fitting(clean_dag_id(name)) if isinstance(name, str) and names_a_dag(name) else None


def nameless(claim: Claim) -> ConfigError:
    """Return the error of a config that can be read, but names no DAG."""
    name = claim.document.get("name") if claim.document is not None else None
    if isinstance(name, str) and name:
        return ConfigError(NO_DAG_ID, field="name", config=claim.key)
    return ConfigError("is missing, or is not a text. Give the pipeline a name", field="name", config=claim.key)


def _changed(key: str) -> ConfigError:
    return ConfigError(
        "was changed or removed while the store was being read. The next load reads it again", config=key
    )


def _put_off(key: str, named_id: str | None) -> Claim:
    problem = ConfigError(
        "was not read again, because loading all configs would have taken too long. Make it smaller, or see the log of "
        "the DAG processor",
        config=key,
    )
    return Claim(key, named_id, None, lambda: Contents(problem=problem), is_open=True)
