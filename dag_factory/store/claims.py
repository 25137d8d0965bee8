"""Which DAG id does each config name, merged over its defaults? Several may claim the same one."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from dag_factory.configs.dag_ids import MAX_DAG_ID, NO_DAG_ID, clean_dag_id, names_a_dag
from dag_factory.configs.document import Document, parse
from dag_factory.configs.inheritance import DEFAULTS, DEFAULTS_NAMES, check_defaults, merge_over_defaults
from dag_factory.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from dag_factory.store import ConfigStore
    from dag_factory.store.last_good import Index
    from dag_factory.store.load_time import LoadTime

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Claim:
    """
    What a config's document names.

    :param document: merged over its defaults, or without them where these are broken; None where it can't be read
    :param problem: what is wrong with its file, or with its defaults
    """

    key: str
    document: Document | None = None
    problem: ConfigError | None = None

    @cached_property
    def named_id(self) -> str | None:
        """The DAG id that the document's name gives, None where it names none."""
        name = self.document.get("name") if self.document is not None else None
        return fitting(clean_dag_id(name)) if isinstance(name, str) and names_a_dag(name) else None

    @property
    def stem_id(self) -> str:
        """The DAG id that the file's name gives."""
        return stem_id(self.key)


class Claims:
    """
    The claims of a store's configs, each merged over the defaults of its folders.

    :param store: read when a claim is asked for; each file of defaults is read once
    """

    def __init__(self, store: ConfigStore) -> None:
        self._store = store
        self.unlisted: dict[str, str] = {}
        """The folders whose configs can't be listed, with the reason; known once a list was asked for."""
        self._defaults: dict[PurePosixPath, Document | ConfigError] = {}

    def keys(self) -> list[str]:
        """
        Return the keys of all configs that can be listed, sorted.

        :raises StoreError: where the store can't be listed
        """
        return [key for key in self._store.list_keys(self.unlisted) if not is_defaults(key)]

    def all(self, copies: Index, load_time: LoadTime) -> list[Claim]:
        """
        Return all claims, also of configs that were good and are in a folder that can no longer be listed.

        :param load_time: says which configs are left out, and which are not read this time
        :raises StoreError: where the store can't be listed
        """
        keys = self.keys()
        in_order = load_time.in_order(keys, self._store.size)
        to_read = (key for before, key in enumerate(in_order) if not load_time.leaves_out(key, before))
        claims = [claim for key in to_read if (claim := self._within(key, load_time)) is not None]
        if self.unlisted:
            for key in sorted({copy.key for copy in copies.all()} - frozenset(keys)):
                folder = next((each for each in map(str, PurePosixPath(key).parents) if each in self.unlisted), None)
                if folder is not None:
                    reason = f"lies in folder '{folder}', which can't be listed: {self.unlisted[folder]}"
                    claims.append(self.of(key) or Claim(key, problem=ConfigError(reason, config=key)))
        return claims

    def _within(self, key: str, load_time: LoadTime) -> Claim | None:
        """Return a config's claim, None where it is missing; where there is no time to read it, the claim says so."""
        return Claim(key, problem=_put_off(key)) if load_time.puts_off(key, self._store.size) else self.of(key)

    def of(self, key: str) -> Claim | None:
        """Return a config's claim, None where it was removed since it was listed."""
        try:
            own = parse(self._store.read(key), key)
        except KeyError:
            return None
        except ConfigError as error:
            return Claim(key, problem=error.within(key))
        except StoreError:
            raise
        except Exception as error:
            # An unexpected exception must not become an import error, which would stop all pipelines.
            log.exception("config '%s' can't be read", key)
            return Claim(key, problem=ConfigError(f"can't be read: {type(error).__name__}. See the log", config=key))
        try:
            return Claim(key, document=self.with_defaults(key, own))
        except ConfigError as error:
            # The id may still be known, and then the problem shows where people look for the pipeline.
            return Claim(key, document=own, problem=error)

    def with_defaults(self, key: str, own: Document) -> Document:
        """
        Return what a document would be under a key: merged over the defaults of its folder.

        :raises ConfigError: where these are broken
        """
        defaults = self._defaults_of(PurePosixPath(key).parent)
        if isinstance(defaults, ConfigError):
            raise defaults
        return merge_over_defaults(defaults, own)

    def _defaults_of(self, folder: PurePosixPath) -> Document | ConfigError:
        """Return the defaults of a folder's configs, with those of the folders above, or what is wrong with them."""
        if folder not in self._defaults:
            self._defaults[folder] = self._read_defaults_of(folder)
        return self._defaults[folder]

    def _read_defaults_of(self, folder: PurePosixPath) -> Document | ConfigError:
        above = self._defaults_of(folder.parent) if folder != folder.parent else {}
        if isinstance(above, ConfigError):
            return above
        found: Document | None = None
        for key in (str(folder / name) for name in DEFAULTS_NAMES):
            try:
                defaults = parse(self._store.read(key), key, may_be_empty=True)
                if found is not None:
                    return ConfigError(f"stands beside a {DEFAULTS}. Keep one of the two", config=key)
                check_defaults(defaults)
                found = merge_over_defaults(above, defaults)
            except KeyError:
                continue
            except ConfigError as error:
                return error.within(key)
        return above if found is None else found


def is_defaults(key: str) -> bool:
    """Return whether a key is that of a file of defaults, which is not a config."""
    return key.rpartition("/")[2] in DEFAULTS_NAMES


def defaults_keys(key: str) -> tuple[str, ...]:
    """Return the keys of the defaults of a config, whether such files exist or not."""
    return _defaults_keys_in(key.rpartition("/")[0])


@lru_cache(maxsize=1000)
def _defaults_keys_in(folder: str) -> tuple[str, ...]:
    folders = PurePosixPath(folder, DEFAULTS).parents
    return tuple(str(each / name) for each in folders for name in DEFAULTS_NAMES)


def stem_id(key: str) -> str:
    """Return the DAG id that a file's name gives."""
    return fitting(clean_dag_id(PurePosixPath(key).stem))


def fitting(dag_id: str) -> str:
    """Return an id that Airflow accepts: one that is too long is cut, with a digest in place of the rest."""
    return dag_id if len(dag_id) <= MAX_DAG_ID else f"{dag_id[: MAX_DAG_ID - 9]}_{digest(dag_id)}"


def digest(text: str) -> str:
    """Return eight characters that identify a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def nameless(claim: Claim) -> ConfigError:
    """Return the error of a config that can be read, but names no DAG."""
    name = claim.document.get("name") if claim.document is not None else None
    if isinstance(name, str) and name:
        return ConfigError(NO_DAG_ID, field="name", config=claim.key)
    return ConfigError("is missing, or is not a text. Give the pipeline a name", field="name", config=claim.key)


def _put_off(key: str) -> ConfigError:
    return ConfigError(
        "was not read again, because loading all configs would have taken too long. Make it smaller, or see the log of "
        "the DAG processor",
        config=key,
    )
