"""What is one config, whatever the others are: good, its last good version, or broken?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dag_factory.configs.problem import InvalidError
from dag_factory.configs.validation.positions import Positions
from dag_factory.errors import ConfigError
from dag_factory.store.claims import Claim, nameless
from dag_factory.store.config import BrokenConfig, Config, Trouble
from dag_factory.store.config_files import defaults_keys

if TYPE_CHECKING:
    from dag_factory.store import ConfigStore
    from dag_factory.store.all_copies import AllCopies
    from dag_factory.store.last_good import Version


# Of more configs that are wrong, mostly by the same defaults, the lines are not looked up: that takes a parse its time.
_MOST_PLACED = 200


def accepts_all(config: Config) -> None:
    """Accept every config: only the catalogue's own checks count."""


class Verdicts:
    """
    The verdicts on a store's configs, each made once.

    :param store: holds the last good versions, and says when a file was changed
    :param check: raises ConfigError where no DAG can be built from a config
    :param good: returns key and stamp of each config that is known to be good as it is, by DAG id
    """

    def __init__(
        self,
        store: ConfigStore,
        check: Callable[[Config], None],
        good: Callable[[], Mapping[str, tuple[str, str]]] = dict,
    ) -> None:
        self._store = store
        self._check = check
        self._read_good = good
        self._faults: dict[str, ConfigError | None] = {}
        self.positions = Positions(store.read)
        """Where the fields of the configs stand, as far as that was asked for."""
        self._placed_keys = 0

    @cached_property
    def _good(self) -> Mapping[str, tuple[str, str]]:
        return self._read_good()

    @cached_property
    def copies(self) -> AllCopies[Any]:
        """All last good versions as they are now."""
        return self._store.last_good.copies()

    def knows_good(self, claim: Claim) -> bool:
        """Return whether a config is known to run under the DAG id that it names; it is not opened for that."""
        if claim.stamp is None or not claim.stamp.is_certain or claim.named_id is None:
            return False
        return self._good.get(claim.named_id) == (claim.key, claim.stamp.text)

    def expect(self, claims: Iterable[Claim]) -> None:
        """Say which configs are judged next, in this order, so that their copies can be read several at a time."""
        unknown = [(claim.key, claim.named_id) for claim in claims if not self.knows_good(claim)]
        if unknown:
            self.copies.expect(unknown)

    def judged(self, claim: Claim) -> Config | BrokenConfig:
        """Return a config as its files are, under the DAG id that it names."""
        config = Config(claim.named_id or claim.stem_id, claim.key, claim.document or {})
        # One without a name is checked too: the check may know why it has none.
        problem = claim.problem or self._fault(config) or (nameless(claim) if claim.named_id is None else None)
        return config if problem is None else config.broken(problem)

    def good_by_file(self, claim: Claim) -> Config | BrokenConfig:
        """Return a config as it is, or where it is broken the last good version of the same file."""
        config = self.judged(claim)
        if isinstance(config, Config):
            return config
        return self.last_good_for(claim, self.copies.of_key(claim.key)) or config

    def good_by_id(self, claim: Claim) -> Config | BrokenConfig:
        """Return a config as it is, or where it is broken the last good version of its DAG id, from whichever file."""
        config = self.judged(claim)
        if isinstance(config, Config):
            return config
        return self.last_good_for(claim, self.copies.of_id(config.dag_id)) or config

    def last_good_for(self, claim: Claim, copy: Version | None) -> Config | None:
        """Return a last good version in place of a broken config, None where that can no longer run either."""
        config = self.judged(claim)
        if copy is None or isinstance(config, Config):
            return None
        trouble = Trouble(config.problem, self._since(claim, config.problem), copy)
        last_good = Config(copy.dag_id, claim.key, copy.document, trouble)
        return last_good if self._checked(last_good) is None else None

    def _fault(self, config: Config) -> ConfigError | None:
        if config.key not in self._faults:
            self._faults[config.key] = self._placed(self._checked(config), config.key)
        return self._faults[config.key]

    def _placed(self, fault: ConfigError | None, key: str) -> ConfigError | None:
        """Return what is wrong with a config with the lines where it is, as far as its file is still the same."""
        if not isinstance(fault, InvalidError) or self._placed_keys >= _MOST_PLACED:
            return fault
        self._placed_keys += 1
        return InvalidError(self.positions.located(fault.problems, key, defaults_keys(key)), config=fault.config)

    def _checked(self, config: Config) -> ConfigError | None:
        try:
            self._check(config)
        except ConfigError as error:
            return error.within(config.key)
        return None

    def _since(self, claim: Claim, problem: ConfigError) -> float | None:
        """Return when the files that may be at fault were last changed: a parse must not use the current time."""
        keys = [claim.key, *defaults_keys(claim.key)]
        if problem.config is not None and problem.config != claim.key:
            keys = [problem.config]
        elif claim.document is None:
            keys = [claim.key]
        return max((changed for key in keys if (changed := self._store.changed(key)) is not None), default=None)
