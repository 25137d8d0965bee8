"""The catalogue: which config of a store speaks for which DAG id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from dag_factory.configs.document import Document
from dag_factory.store.claims import Claim, Claims, Precedence, ids_for_a_problem, precedence, taken
from dag_factory.store.load_time import LoadTime
from dag_factory.store.verdicts import Config, Trouble, Verdicts, accepts_all, unchecked

if TYPE_CHECKING:
    from dag_factory.store import ConfigStore
    from dag_factory.store.last_good import Version

__all__ = ["Catalog", "Config", "Trouble"]


class Catalog:
    """
    The configs of a store, each merged over the defaults of its folders.

    A config that is broken and was good stands for its last good version, under the DAG id that it had. Where several
    configs claim one DAG id, those that can run come first, so that a broken one never stops another. Among these
    ``<dag_id>.json`` of the store's root wins, then a file named after the id, then the one nearest to the root, then
    the first by name. The others are shown as problems under ids of their own.

    :param store: is read when a question is asked; each file of defaults is read once, and so is the list of names
    :param check: raises ConfigError where no DAG can be built from a config. Callers that only ask which file has
        which DAG id leave it out
    :param load_time: bounds ``all``, which may then leave out new configs
    """

    def __init__(
        self,
        store: ConfigStore,
        check: Callable[[Config], None] = accepts_all,
        *,
        load_time: LoadTime | None = None,
    ) -> None:
        self._load_time = load_time or LoadTime()
        self._store = store
        self._claims = Claims(store)
        self._verdicts = Verdicts(store, check)
        self._found: dict[str, Version | None] = {}

    def all(self) -> list[Config]:
        """
        Return every config of the store, sorted by DAG id; no id stands twice.

        :raises StoreError: where the store can't be listed
        """
        configs = self._resolved()
        in_order = sorted(configs, key=lambda dag_id: (self._load_time.is_new(configs[dag_id].key), dag_id))
        checked = [
            self._verdicts.checked(configs[dag_id])
            for before, dag_id in enumerate(in_order)
            if not self._load_time.leaves_out(configs[dag_id].key, before)
        ]
        return sorted(checked, key=lambda config: config.dag_id)

    def find(self, dag_id: str) -> Config | None:
        """
        Return the config that ``all`` gives this DAG id; all are opened only where ``look_up`` finds none that runs.

        :raises StoreError: where the store can't be listed
        """
        config = self.look_up(dag_id)
        # Another one that can run would come before a broken one.
        if (config is None or config.problem is not None) and (found := self._resolved().get(dag_id)):
            config = self._verdicts.checked(found)
        return config

    @property
    def is_complete(self) -> bool:
        """Whether all configs of the store could be listed, as far as they have been, and none was left out."""
        return not self._claims.unlisted and not self._load_time.left_out

    def look_up(self, dag_id: str) -> Config | None:
        """
        Return the config of a DAG id, as far as the files' names, the last ``all``'s note or a copy show where it is.

        What was noted comes before the names of other files: it is what the DAG was built from.

        :raises StoreError: where the store can't be listed
        """
        broken: Config | None = None
        for key in self._likely_keys(dag_id):
            claim = self._claims.of(key)
            if claim is None:
                continue
            config = self._verdicts.judged(claim)
            if config.problem is None:
                if claim.named_id == dag_id:
                    return config
            elif (copy := self._copy(dag_id)) and copy.key == key and (stands := self._verdicts.stand_in(config, copy)):
                return stands
            elif claim.named_id == dag_id:
                broken = broken or config
        if broken is None or (copy := self._copy(dag_id)) is None:
            return broken
        if copy.key != broken.key and self._runs_under_another_id(broken.key):
            return None
        return self._verdicts.stand_in(broken, copy) or broken

    def _runs_under_another_id(self, key: str) -> bool:
        """Return whether a broken config stands for its last good version, which has another DAG id than it names."""
        claim = self._claims.of(key)
        return claim is not None and self._verdicts.standing(claim).problem is None

    def owner(self, dag_id: str) -> str | None:
        """
        Return the name of the pipeline that has a DAG id, as far as `look_up` shows; many names have one id.

        :raises StoreError: where the store can't be listed
        """
        config = self.look_up(dag_id)
        return config.document["name"] if config is not None and config.document is not None else None

    def judge(self, key: str) -> Config | None:
        """
        Return what ``all`` makes of one config, None where it is gone; few others are opened.

        That another config has the same DAG id is seen where that one is named after the id, or was noted for it.

        :raises StoreError: where the store can't be listed
        """
        claim = self._claims.of(key)
        if claim is None:
            return None
        config = self._verdicts.standing(claim)
        if config.problem is not None:
            return config
        other = self.look_up(config.dag_id)
        if other is None or other.problem is not None or _precedence(config) <= _precedence(other):
            return config
        return replace(config, problem=self._verdicts.judged(claim).problem or taken(claim, other.key), trouble=None)

    def named_id(self, key: str) -> str | None:
        """Return the DAG id that a config names, whether or not it is the one that has it; None where it names none."""
        claim = self._claims.of(key)
        return claim.named_id if claim is not None else None

    def is_anothers(self, key: str, dag_id: str) -> bool:
        """
        Return whether a config, whatever its file is called, is that of another DAG id than this one.

        :raises StoreError: where the store can't be listed
        """
        claim = self._claims.of(key)
        if claim is None:
            return False
        copy = self._verdicts.copies.of_key(key) if claim.named_id is None else None
        if (claim.named_id or (copy.dag_id if copy is not None else None)) in (None, dag_id):
            return False
        # Unless it has lost its own id, and its problem is shown under this one.
        found = self.find(dag_id)
        return found is None or found.key != key

    def upon_defaults(self, key: str, own: Document) -> Document:
        """
        Return what a document would be under a key: merged over the defaults of its folder.

        :raises ConfigError: where these are broken
        """
        return self._claims.upon_defaults(key, own)

    def _resolved(self) -> dict[str, Config]:
        """Return the configs by DAG id, and note where they are; those whose id is theirs alone are not checked yet."""
        claims = self._claims.all(self._verdicts.copies, self._load_time)
        claims.sort(key=lambda claim: precedence(claim.key, claim.named_id))
        counted = Counter(claim.named_id for claim in claims)
        running: list[tuple[Config, Claim]] = []
        broken: list[Claim] = []
        for claim in claims:
            dag_id = claim.named_id
            is_alone = dag_id is not None and counted[dag_id] == 1 and self._verdicts.copies.agrees(claim.key, dag_id)
            if is_alone and claim.problem is None:
                running.append((unchecked(claim), claim))
            elif (config := self._verdicts.standing(claim)).problem is None:
                running.append((config, claim))
            else:
                broken.append(claim)
        configs: dict[str, Config] = {}
        losers: list[Claim] = []
        for config, claim in sorted(running, key=lambda pair: _precedence(pair[0])):
            if config.dag_id not in configs:
                configs[config.dag_id] = config
            else:
                (losers if config.trouble is None else broken).append(claim)
        for claim in broken:
            dag_id = claim.named_id
            if dag_id is None or dag_id in configs:
                losers.append(claim)
            else:
                configs[dag_id] = self._verdicts.moved(self._verdicts.judged(claim))
        for claim in losers:
            dag_id = next(candidate for candidate in ids_for_a_problem(claim) if candidate not in configs)
            problem = self._verdicts.judged(claim).problem or taken(claim, configs[claim.named_id or ""].key)
            configs[dag_id] = Config(dag_id, claim.key, claim.document, problem)
        self._store.note({dag_id: c.key for dag_id, c in configs.items() if c.key != f"{dag_id}.json"})
        return configs

    def _likely_keys(self, dag_id: str) -> Iterator[str]:
        """Yield the keys that may hold a DAG id's config, the likeliest and cheapest first."""
        yield f"{dag_id}.json"
        if (noted := self._store.recall(dag_id)) is not None:
            yield noted
        if (copy := self._copy(dag_id)) is not None:
            yield copy.key
        yield from self._keys_by_stem.get(dag_id, ())

    def _copy(self, dag_id: str) -> Version | None:
        if dag_id not in self._found:
            self._found[dag_id] = self._store.last_good.find(dag_id)
        return self._found[dag_id]

    @cached_property
    def _keys_by_stem(self) -> dict[str, list[str]]:
        """The keys of the configs by the DAG ids that their files' names give, those nearest to the root first."""
        keys: dict[str, list[str]] = {}
        for claim in sorted(map(Claim, self._claims.keys()), key=lambda claim: claim.nearness):
            keys.setdefault(claim.stem_id, []).append(claim.key)
        return keys


def _precedence(config: Config) -> Precedence:
    return precedence(config.key, config.dag_id)
