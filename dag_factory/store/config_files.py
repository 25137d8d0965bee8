"""What does a config's file hold, merged over the defaults of its folders?"""

from __future__ import annotations

import logging
from functools import lru_cache
from pathlib import PurePosixPath
from typing import NamedTuple, Protocol

from dag_factory.configs.document import Document, parse
from dag_factory.configs.inheritance import DEFAULTS, DEFAULTS_NAMES, check_defaults, merge_over_defaults
from dag_factory.errors import ConfigError, StoreError

log = logging.getLogger(__name__)


class Readable(Protocol):
    """What files are read from: a store, or what an author has at hand."""

    def read(self, key: str) -> bytes:
        """Return a file's content, as `ConfigStore.read` does."""


class Contents(NamedTuple):
    """
    What a config's file holds.

    :param document: merged over its defaults, or without them where these are broken; None where it can't be read
    :param problem: what is wrong with its file, or with its defaults
    """

    document: Document | None = None
    problem: ConfigError | None = None


class ConfigFiles:
    """
    Reads the files of a store's configs.

    :param store: read when a config is asked for; each file of defaults is read once
    """

    def __init__(self, store: Readable) -> None:
        self._store = store
        self._defaults: dict[PurePosixPath, Document | ConfigError] = {}

    def contents(self, key: str) -> Contents | None:
        """Return what a config holds, None where it is missing."""
        try:
            own = parse(self._store.read(key), key)
        except KeyError:
            return None
        except ConfigError as error:
            return Contents(problem=error.within(key))
        except StoreError:
            raise
        except Exception as error:
            # An unexpected exception must not become an import error, which would stop all pipelines.
            log.exception("config '%s' can't be read", key)
            problem = f"can't be read: {type(error).__name__}. The log of the process that read it says why"
            return Contents(problem=ConfigError(problem, config=key))
        try:
            return Contents(self.with_defaults(key, own))
        except ConfigError as error:
            # The id may still be known, and then the problem shows where people look for the pipeline.
            return Contents(own, error)

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
                    return ConfigError(f"is in the same folder as a {DEFAULTS}. Keep one of the two", config=key)
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
