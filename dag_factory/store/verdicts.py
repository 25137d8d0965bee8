"""Verdicts: what a config is by itself: good, its last good version, or broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from dag_factory.configs.document import Document
from dag_factory.errors import ConfigError
from dag_factory.store.claims import Claim, defaults_keys, nameless

if TYPE_CHECKING:
    from dag_factory.store import ConfigStore
    from dag_factory.store.last_good import Index, Version


@dataclass(frozen=True)
class Trouble:
    """
    Why a config runs its last good version.

    :param since: when the files that it is made of were changed last, in seconds since the epoch; None where unknown
    """

    problem: ConfigError
    since: float | None = None


@dataclass(frozen=True)
class Config:
    """
    A config of the store under the DAG id that it has been given: its own, or one to show its problem by.

    :param document: what runs: the config's own, or that of its last good version
    :param problem: why nothing of it can run
    :param trouble: what is wrong with the config whose last good version this is
    :param is_redacted: whether the document holds no secret any more, and of its source config what may be shown
    """

    dag_id: str
    key: str
    document: Document | None = None
    problem: ConfigError | None = None
    trouble: Trouble | None = None
    is_redacted: bool = False


def accepts_all(config: Config) -> None:
    """Find no fault with a config beyond what the catalogue sees by itself."""


class Verdicts:
    """
    The verdicts on a store's configs, each made once.

    :param store: holds the last good versions, and says when a file was changed
    :param check: raises ConfigError where no DAG can be built from a config
    """

    def __init__(self, store: ConfigStore, check: Callable[[Config], None]) -> None:
        self._store = store
        self._check = check
        self._verdicts: dict[str, ConfigError | None] = {}

    @cached_property
    def copies(self) -> Index:
        """All last good versions as they are now."""
        return self._store.last_good.index()

    def checked(self, config: Config) -> Config:
        """Return a config as it runs."""
        if config.problem is not None or config.trouble is not None:
            return config
        config = self._with_verdict(config)
        if config.problem is None:
            return config
        copy = self.copies.of_key(config.key)
        return (copy and self.stand_in(config, copy)) or self.moved(config)

    def standing(self, claim: Claim) -> Config:
        """Return what a config is by itself: good, its last good version, or broken."""
        config = self.judged(claim)
        copy = self.copies.of_key(claim.key) if config.problem is not None else None
        return (copy and self.stand_in(config, copy)) or config

    def moved(self, config: Config) -> Config:
        """Return a broken config as what runs under its DAG id, if the one that ran under it has been moved there."""
        copy = self.copies.of_id(config.dag_id)
        return (copy and self.stand_in(config, copy)) or config

    def judged(self, claim: Claim) -> Config:
        """Return a config with whatever is wrong with it, under the DAG id that it names."""
        config = unchecked(claim)
        if claim.problem is not None:
            return config
        # Of one without a name too: the check may know why it has none.
        found = self._with_verdict(replace(config, problem=None))
        return found if found.problem is not None else config

    def _with_verdict(self, config: Config) -> Config:
        if config.key not in self._verdicts:
            self._verdicts[config.key] = self._verdict(config)
        return replace(config, problem=problem) if (problem := self._verdicts[config.key]) else config

    def _verdict(self, config: Config) -> ConfigError | None:
        try:
            self._check(config)
        except ConfigError as error:
            return error.within(config.key)
        return None

    def stand_in(self, config: Config, copy: Version) -> Config | None:
        """Return the last good version of a broken config, None where that can't run any more either."""
        if config.problem is None:
            return None
        trouble = Trouble(config.problem, self._since(config, config.problem))
        stand_in = Config(copy.dag_id, config.key, copy.document, trouble=trouble)
        return stand_in if self._verdict(stand_in) is None else None

    def _since(self, config: Config, problem: ConfigError) -> float | None:
        """Return when the files that may be at fault were changed last: a parse can't ask the clock."""
        if problem.config != config.key and problem.config is not None:
            keys = [problem.config]
        elif config.document is None:
            keys = [config.key]
        else:
            keys = [config.key, *defaults_keys(config.key)]
        return max((changed for key in keys if (changed := self._store.changed(key)) is not None), default=None)


def unchecked(claim: Claim) -> Config:
    """Return a config as it says of itself, without asking whether a DAG can be built from it."""
    dag_id = claim.named_id
    problem = claim.problem or (nameless(claim) if dag_id is None else None)
    return Config(dag_id or claim.stem_id, claim.key, claim.document, problem)
