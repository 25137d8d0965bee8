"""The catalogue: which config of a store speaks for which DAG id."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from dag_factory.document import Document, parse
from dag_factory.errors import ConfigError, StoreError
from dag_factory.inheritance import DEFAULTS, check_defaults, upon
from dag_factory.pipeline import MAX_DAG_ID, NO_DAG_ID, clean_dag_id, names_a_dag

if TYPE_CHECKING:
    from dag_factory.store import ConfigStore

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Config:
    """A config of the store under the DAG id that it has been given: its own, or one to show its problem by."""

    dag_id: str
    key: str
    document: Document | None = None
    problem: ConfigError | None = None


@dataclass(frozen=True)
class _Claim:
    """What a config says of itself: the DAG id that its document names, or none where it can't be read."""

    key: str
    document: Document | None = None
    problem: ConfigError | None = None

    @property
    def named_id(self) -> str | None:
        name = self.document.get("name") if self.document is not None else None
        return _fitting(clean_dag_id(name)) if isinstance(name, str) and names_a_dag(name) else None

    @property
    def stem_id(self) -> str:
        return _fitting(clean_dag_id(PurePosixPath(self.key).stem))


class Catalog:
    """
    The configs of a store, each with the defaults of its folders beneath it.

    Where several configs claim one DAG id, ``<dag_id>.json`` of the store's root wins, then a file named after the id,
    then the one nearest to the root, then the first by name. The others are shown as problems under ids of their own.

    :param store: is read when a question is asked; each file of defaults is read once, and so is the list of names
    """

    def __init__(self, store: ConfigStore) -> None:
        self._store = store
        self._defaults: dict[PurePosixPath, Document | ConfigError] = {}

    def all(self) -> list[Config]:
        """
        Return every config of the store, sorted by DAG id; no id stands twice.

        :raises StoreError: where the store can't be listed
        """
        claims = [claim for key in self._config_keys() if (claim := self._claim(key)) is not None]
        claims.sort(key=_precedence)
        configs: dict[str, Config] = {}
        losers: list[_Claim] = []
        for claim in claims:
            dag_id = claim.named_id
            if dag_id is None or dag_id in configs:
                losers.append(claim)
            else:
                configs[dag_id] = Config(dag_id, claim.key, claim.document, claim.problem)
        for claim in losers:
            dag_id = next(candidate for candidate in _ids_for_a_problem(claim) if candidate not in configs)
            configs[dag_id] = Config(dag_id, claim.key, claim.document, _problem_of_loser(claim, configs))
        self._store.note({dag_id: c.key for dag_id, c in configs.items() if c.key != f"{dag_id}.json"})
        return [configs[dag_id] for dag_id in sorted(configs)]

    def find(self, dag_id: str) -> Config | None:
        """
        Return the config that ``all`` gives this DAG id, a broken one too; all are opened only where ``look_up`` fails.

        :raises StoreError: where the store can't be listed
        """
        config = self.look_up(dag_id)
        return config or next((config for config in self.all() if config.dag_id == dag_id), None)

    def look_up(self, dag_id: str) -> Config | None:
        """
        Return the config that names a DAG id, as far as the files' names, or what the last ``all`` noted, tell where.

        What was noted comes before the names of other files: it is what the DAG was built from.

        :raises StoreError: where the store can't be listed
        """
        for key in self._likely_keys(dag_id):
            claim = self._claim(key)
            if claim is not None and claim.named_id == dag_id:
                return Config(dag_id, key, claim.document, claim.problem)
        return None

    def owner(self, dag_id: str) -> str | None:
        """
        Return the name of the pipeline that has a DAG id, as far as `look_up` tells; many names have one id.

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
        claim = self._claim(key)
        if claim is None:
            return None
        dag_id = claim.named_id
        if dag_id is None:
            return Config(claim.stem_id, key, claim.document, _problem_of_loser(claim, {}))
        other = self.look_up(dag_id)
        if other is not None and _precedence(_Claim(other.key, other.document)) < _precedence(claim):
            return Config(dag_id, key, claim.document, _problem_of_loser(claim, {dag_id: other}))
        return Config(dag_id, key, claim.document, claim.problem)

    def named_id(self, key: str) -> str | None:
        """Return the DAG id that a config names, whether or not it is the one that has it; None where it names none."""
        claim = self._claim(key)
        return claim.named_id if claim is not None else None

    def upon_defaults(self, key: str, own: Document) -> Document:
        """
        Return what a document would be under a key: with the defaults of its folder beneath it.

        :raises ConfigError: where these are broken
        """
        defaults = self._defaults_of(PurePosixPath(key).parent)
        if isinstance(defaults, ConfigError):
            raise defaults
        return upon(defaults, own)

    def _likely_keys(self, dag_id: str) -> Iterator[str]:
        """Yield the keys that may hold a DAG id's config, the likeliest and cheapest first."""
        yield f"{dag_id}.json"
        if (noted := self._store.recall(dag_id)) is not None:
            yield noted
        yield from self._keys_by_stem.get(dag_id, ())

    @cached_property
    def _keys_by_stem(self) -> dict[str, list[str]]:
        """The keys of the configs by the DAG ids that their files' names give, those nearest to the root first."""
        keys: dict[str, list[str]] = {}
        for claim in sorted(map(_Claim, self._config_keys()), key=_nearness):
            keys.setdefault(claim.stem_id, []).append(claim.key)
        return keys

    def _config_keys(self) -> list[str]:
        return [key for key in self._store.list_keys() if not is_defaults(key)]

    def _claim(self, key: str) -> _Claim | None:
        """Return what a config says of itself, or None where it is gone since it was listed."""
        try:
            own = parse(self._store.read(key), key)
        except KeyError:
            return None
        except ConfigError as error:
            return _Claim(key, problem=error.within(key))
        except StoreError:
            raise
        except Exception as error:
            # A case that nobody has thought of must not become an import error, which would stop all pipelines.
            log.exception("config '%s' can't be read", key)
            return _Claim(key, problem=ConfigError(f"can't be read: {type(error).__name__}. See the log", config=key))
        try:
            return _Claim(key, document=self.upon_defaults(key, own))
        except ConfigError as error:
            # The id may still be known, so that the problem shows where people look for the pipeline.
            return _Claim(key, document=own, problem=error)

    def _defaults_of(self, folder: PurePosixPath) -> Document | ConfigError:
        """Return the defaults beneath the configs of a folder, the folders above included, or what is wrong there."""
        if folder not in self._defaults:
            self._defaults[folder] = self._read_defaults_of(folder)
        return self._defaults[folder]

    def _read_defaults_of(self, folder: PurePosixPath) -> Document | ConfigError:
        above = self._defaults_of(folder.parent) if folder != folder.parent else {}
        if isinstance(above, ConfigError):
            return above
        key = str(folder / DEFAULTS)
        try:
            defaults = parse(self._store.read(key), key)
            check_defaults(defaults)
            return upon(above, defaults)
        except KeyError:
            return above
        except ConfigError as error:
            return error.within(key)


def is_defaults(key: str) -> bool:
    """Return whether a key is that of defaults, which lie under configs and are none."""
    return key.rpartition("/")[2] == DEFAULTS


def _nearness(claim: _Claim) -> tuple[int, str]:
    return (claim.key.count("/"), claim.key)


def _precedence(claim: _Claim) -> tuple[bool, bool, int, str]:
    named_id = claim.named_id
    return (claim.key != f"{named_id}.json", claim.stem_id != named_id, *_nearness(claim))


def _problem_of_loser(claim: _Claim, configs: dict[str, Config]) -> ConfigError:
    if claim.problem is not None:
        return claim.problem
    if claim.named_id is None:
        if claim.document is not None and isinstance(claim.document.get("name"), str) and claim.document["name"]:
            return ConfigError(NO_DAG_ID, field="name", config=claim.key)
        return ConfigError("is missing, or is no text. Give the pipeline a name", field="name", config=claim.key)
    winner = configs[claim.named_id].key
    return ConfigError(
        f"the DAG id '{claim.named_id}' is taken by config '{winner}'. Rename one of the two pipelines or remove it",
        field="name",
        config=claim.key,
    )


def _ids_for_a_problem(claim: _Claim) -> Iterator[str]:
    yield claim.stem_id
    whole = clean_dag_id(claim.key)
    yield _fitting(whole)
    yield _fitting(f"{whole}_{_digest(claim.key)}")
    yield from (_fitting(f"{whole}_{_digest(claim.key)}_{number}") for number in count(2))


def _fitting(dag_id: str) -> str:
    """Return an id that Airflow takes: one that is too long is cut, with a digest in place of the rest."""
    return dag_id if len(dag_id) <= MAX_DAG_ID else f"{dag_id[: MAX_DAG_ID - 9]}_{_digest(dag_id)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
