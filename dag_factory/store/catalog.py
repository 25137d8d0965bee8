"""To which config of a store does each DAG id belong?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from dag_factory.store.claims import Claim, Claims
from dag_factory.store.config import BrokenConfig, Config, is_broken
from dag_factory.store.config_files import is_defaults
from dag_factory.store.file_names import FileNames, KeysById, deployed_key, keys_by_stem
from dag_factory.store.load_time import LoadTime
from dag_factory.store.precedence import Found, owners, precedence, without_id
from dag_factory.store.shards import WHOLE, Shard
from dag_factory.store.stamps import Stamp
from dag_factory.store.verdicts import Verdicts, accepts_all

if TYPE_CHECKING:
    from dag_factory.configs.validation.positions import Positions
    from dag_factory.store import ConfigStore
    from dag_factory.store.index import Index
    from dag_factory.store.last_good import Version


class Catalog:
    """
    The configs of a store, each merged over the defaults of its folders. It answers two questions:

    - `all`, the exact index: to which config does each DAG id belong? It opens and checks every config. At 10,000
      configs that takes 2 s, and in addition the time of ``check``.
    - `look_up`, the likely answer for one DAG id: it opens the file that is named after the id, was noted for it, or
      has a last good version for it. At 10,000 configs that takes 0.3 ms, or 80 ms where the store has to be listed,
      since no ``names`` are given or these are outdated.
      It misses a config of another name that no ``all`` has noted yet.

    Two more build on these: `find` tries the look-up, then the index if that finds no config that can run; `judge`
    looks up the DAG id that a file claims.

    Where several configs claim one DAG id, those that can run come first, so that a broken one never stops another; it
    stands for its last good version, if it has one, under the DAG id that it had. Among these ``<dag_id>.json`` of the
    store's root wins, then a file named after the id, then the one nearest to the root, then the first by name. The
    others are shown as problems under ids of their own.

    :param store: read when a question is asked; each file of defaults is read once, and so is the list of names
    :param check: raises ConfigError where no DAG can be built from a config. Callers that only ask which file has
        which DAG id leave it out
    :param load_time: bounds ``all``, which may then leave out new configs
    :param index: what this machine knows of the configs. With it, ``all`` opens only those that have changed or are
        broken, and those that it returns
    :param good: returns key and stamp of each config, by DAG id, that ``check`` is known to accept; None for those that
        the index has of any load
    :param claims: of configs that were read before; None to read them when they are asked for
    :param names: the kept names of the store's files; None to list the store where `look_up` asks for that
    :param notes: whether to note in the store where configs are; False to change nothing, as in an author's folder
    """

    def __init__(  # noqa: PLR0913 - by name
        self,
        store: ConfigStore,
        check: Callable[[Config], None] = accepts_all,
        *,
        load_time: LoadTime | None = None,
        index: Index | None = None,
        good: Callable[[], Mapping[str, tuple[str, str]]] | None = None,
        claims: Claims | None = None,
        names: FileNames | None = None,
        notes: bool = True,
    ) -> None:
        self._load_time = load_time or LoadTime()
        self._store = store
        self._index = index
        self._is_noting = notes
        self._names = names
        self._claims = claims or Claims(store, index)
        self._verdicts = Verdicts(store, check, good or (index.good if index is not None else dict))
        self._copies: dict[str, Version | None] = {}
        self.stamps: dict[str, Stamp | None] = {}
        """The stamp of each config, known once all have been listed."""
        self.broken: frozenset[str] = frozenset()
        """The keys of broken configs, also of other shards, where that decided on a DAG id; known then too."""

    def all(self) -> list[Config | BrokenConfig]:
        """
        Return every config of the store, sorted by DAG id; each id occurs once. Where they are is noted for `look_up`.

        :raises StoreError: where the store can't be listed
        """
        configs = [self.settled(dag_id, found) for dag_id, found in self.held(WHOLE)]
        return sorted(configs, key=lambda config: config.dag_id)

    def held(
        self, shard: Shard, had: int | None = None, rank: Callable[[str, Found], int] = lambda *_: 0
    ) -> Iterator[tuple[str, Found]]:
        """
        Yield what each DAG id of a shard belongs to, in the order in which they are to be settled. First come those
        that have not changed, which need no judging. New ones come last, and are left out where there is no time for
        them. Notes the place of every config for `look_up`.

        :param had: how many DAG ids the last load of the shard had, None where that is unknown
        :param rank: returns when the config of a DAG id is judged, the lowest first
        :raises StoreError: where the store can't be listed
        """
        owned = self.owners(shard.holds)
        found = {dag_id: each for dag_id, each in owned.items() if shard.holds(dag_id)}

        unknown = {dag_id for dag_id, each in found.items() if not self.knows_good(each)}

        def order(dag_id: str) -> tuple[bool, bool, int, str]:
            each = found[dag_id]
            return (self._load_time.is_new(each.key), dag_id in unknown, rank(dag_id, each), dag_id)

        in_order = sorted(found, key=order)
        to_judge = [each for dag_id in in_order if dag_id in unknown and isinstance(each := found[dag_id], Claim)]
        self._store.prefetch(claim.key for claim in to_judge if not claim.is_open)
        self._verdicts.expect(to_judge)
        for before, dag_id in enumerate(in_order):
            if not self._load_time.leaves_out(found[dag_id].key, before, had):
                yield dag_id, found[dag_id]

    def settled(self, dag_id: str, found: Found) -> Config | BrokenConfig:
        """Return the config of a DAG id in the form in which it runs."""
        if not isinstance(found, Claim):
            return found
        config = self._verdicts.good_by_file(found)
        if isinstance(config, Config) and config.dag_id == dag_id:
            return config
        return self._verdicts.good_by_id(found)

    def knows_good(self, found: Found) -> bool:
        """Return whether a config is known to run as it is, so that it need not be opened."""
        return isinstance(found, Claim) and self._verdicts.knows_good(found)

    @property
    def positions(self) -> Positions:
        """Where the fields of the configs stand, as far as that was asked for."""
        return self._verdicts.positions

    @property
    def is_complete(self) -> bool:
        """Whether all configs of the store could be listed, as far as they have been, and none was left out."""
        return not self._claims.unlisted and not self._load_time.left_out

    def look_up(self, dag_id: str) -> Config | BrokenConfig | None:
        """
        Return the config of a DAG id, as far as the files' names, the last ``all``'s note or a copy show where it is.

        What was noted comes before the names of other files: it is what the DAG was built from.

        :raises StoreError: where the store can't be listed
        """
        broken: Claim | None = None
        for claim in self._likely_claims(dag_id):
            config = self._standing_for(claim, dag_id)
            if isinstance(config, Config):
                if config.dag_id == dag_id:
                    return config
            elif claim.named_id == dag_id:
                broken = broken or claim
        return self._moved_here(broken, dag_id) if broken is not None else None

    def find(self, dag_id: str) -> Config | BrokenConfig | None:
        """
        Return the config that ``all`` gives this DAG id; all are opened only where ``look_up`` finds none that runs.

        :raises StoreError: where the store can't be listed
        """
        config = self.look_up(dag_id)
        if isinstance(config, Config):
            return config
        # A config that can run would come before a broken one.
        found = self.owners(dag_id.__eq__).get(dag_id)
        return self.settled(dag_id, found) if found is not None else config

    def judge(self, key: str) -> Config | BrokenConfig | None:
        """
        Return what ``all`` makes of one config, None where it is missing; few others are opened.

        That another config has the same DAG id is seen where ``look_up`` sees it.

        :raises StoreError: where the store can't be listed
        """
        claim = self._claims.of(key)
        if claim is None:
            return None
        config = self._verdicts.good_by_file(claim)
        if isinstance(config, BrokenConfig):
            return config
        other = self.look_up(config.dag_id)
        if not isinstance(other, Config) or precedence(key, config.dag_id) <= precedence(other.key, other.dag_id):
            return config
        return without_id(claim, config.dag_id, other.key, self._verdicts)

    def _likely_claims(self, dag_id: str) -> Iterator[Claim]:
        """Yield the claims that may be those to a DAG id, the likeliest and cheapest first."""
        for claim in map(self._claims.of, self._likely_keys(dag_id)):
            if claim is not None and not is_defaults(claim.key):
                yield claim

    def _likely_keys(self, dag_id: str) -> Iterator[str]:
        yield deployed_key(dag_id)
        if self._index is not None:
            yield from self._index.keys_of(dag_id)
        if (noted := self._store.recall(dag_id)) is not None:
            yield noted
        if (copy := self._copy(dag_id)) is not None:
            yield copy.key
        if self._names is not None:
            yield from self._names.keys_of(dag_id, self._store)
        else:
            yield from self._keys_by_stem.get(dag_id, ())

    @cached_property
    def _keys_by_stem(self) -> KeysById:
        return keys_by_stem(self._claims.keys())

    def _copy(self, dag_id: str) -> Version | None:
        if dag_id not in self._copies:
            self._copies[dag_id] = self._store.last_good.find(dag_id)
        return self._copies[dag_id]

    def _standing_for(self, claim: Claim, dag_id: str) -> Config | BrokenConfig:
        """
        Return a config, or where it is broken, the last good version of its file, if one was kept for the DAG id.

        That version may be for another DAG id: the file may have named this one only before.
        """
        config = self._verdicts.judged(claim)
        if isinstance(config, BrokenConfig) and (copy := self._copy(dag_id)) is not None and copy.key == claim.key:
            return self._verdicts.good_by_file(claim)
        return config

    def _moved_here(self, broken: Claim, dag_id: str) -> Config | BrokenConfig | None:
        """
        Return what runs under a DAG id that only a broken config names: the last good version for that id, else the
        broken config. None where the config runs its own last good version, under another id.
        """
        copy = self._copy(dag_id)
        if copy is not None and copy.key != broken.key and isinstance(self._verdicts.good_by_file(broken), Config):
            return None
        return self._verdicts.last_good_for(broken, copy) or self._verdicts.judged(broken)

    def owners(self, needed: Callable[[str], bool] | None = None) -> dict[str, Found]:
        """
        Return what each DAG id of the store belongs to, and note where it is.

        :param needed: returns whether the config of a DAG id will be asked for; None where none will
        :raises StoreError: where the store can't be listed
        """
        claims = self._claims.all(self._verdicts, self._load_time, needed or (lambda _: False))
        self.stamps = {claim.key: claim.stamp for claim in claims}
        owned = owners(claims, self._verdicts, self._load_time)
        settled = (found for found in owned.values() if not isinstance(found, Claim))
        self.broken = frozenset(config.key for config in settled if is_broken(config))
        if self._is_noting:
            self._store.note(
                {dag_id: found.key for dag_id, found in owned.items() if found.key != deployed_key(dag_id)}
            )
        return owned
