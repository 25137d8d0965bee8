"""What is wrong with the configs of a store: the state of each, its problems and its warnings, with their places."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from dag_factory.configs.allowed import Allowed, allowed_here
from dag_factory.configs.document import parse
from dag_factory.configs.problem import EFFECT, ERROR, InvalidError, Problem, problem_of, problems_in
from dag_factory.configs.validation.effects import without_inherited
from dag_factory.configs.validation.positions import Positions
from dag_factory.configs.validation.validator import validate
from dag_factory.errors import ConfigError
from dag_factory.store.catalog import Catalog
from dag_factory.store.claims import Claim, Claims
from dag_factory.store.config import BrokenConfig, Config, examine_config
from dag_factory.store.config_files import ConfigFiles, Readable, defaults_keys, is_defaults
from dag_factory.store.precedence import shared
from dag_factory.store.reading import Read, Reading, one_by_one
from dag_factory.store.stamps import Stamp
from dag_factory.store.summary import Summary, summary_of

if TYPE_CHECKING:
    from dag_factory.store import ConfigStore
    from dag_factory.store.load_time import LoadTime
    from dag_factory.store.verdicts import Verdicts

State = Literal["good", "last_good", "broken"]
GOOD: State = "good"
LAST_GOOD: State = "last_good"
BROKEN: State = "broken"

_AS_READ = Stamp("read")


@dataclass(frozen=True)
class Examined:
    """
    What is wrong with one config, and whether it runs.

    The `config` of a problem is the key of the file that it is in, which may be one of defaults.

    :param dag_id: under which it runs, or its problem is shown
    :param state: ``good``, ``last_good`` where it is broken and its last good version runs, or ``broken``
    :param problems: what keeps it from running
    :param warnings: what is doubtful
    """

    key: str
    dag_id: str
    state: State
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    summary: Summary


class Examination:
    """
    Examines the configs of a store by the validation and the catalogue of a load. It changes nothing in the store.

    :param store: read when a question is asked; each file of defaults is read once
    :param allowed: what the operator allows configs; None to read the settings
    """

    def __init__(self, store: ConfigStore, allowed: Allowed | None = None) -> None:
        self._store = store
        self._allowed = allowed or allowed_here()
        self._files = ConfigFiles(store)
        self._catalog = Catalog(store, self._check, notes=False)
        self._positions = self._catalog.positions
        self._found: dict[str, tuple[Problem, ...]] = {}
        self._key_of: dict[str, str] = {}
        self.unlisted: dict[str, str] = {}
        """The folders whose configs can't be listed, with the reason; known once all were examined."""

    def of(self, key: str) -> Examined | None:
        """
        Return what is wrong with one config, None where it is missing; few others are opened.

        That another config has the same DAG id is seen where the catalogue's ``look_up`` sees it, and where the other
        one was asked for before.

        :raises StoreError: where the store can't be read
        """
        config = self._catalog.judge(key)
        if config is None:
            return None
        found = self.of_config(config)
        if found.state == GOOD and (other := self._key_of.setdefault(config.dag_id, key)) != key:
            # Neither file is named after the id, so the next load decides which of the two has it.
            problem = problem_of(shared(config.dag_id, other), "value")
            return replace(found, state=BROKEN, problems=tuple(self._placed(key, [problem])))
        return found

    def all(self, read: Read = one_by_one) -> list[Examined]:
        """
        Return what is wrong with each config of the store, sorted by key.

        :param read: reads the configs, such as `dag_factory.store.reading.in_processes`
        :raises StoreError: where the store can't be listed
        """
        unlisted: dict[str, str] = {}
        keys = [key for key in self._store.list_keys(unlisted) if not is_defaults(key)]
        self.unlisted = unlisted
        readings = {reading.key: reading for reading in read(self._store, keys, self._allowed)}
        self._found |= {key: reading.problems for key, reading in readings.items() if reading.problem is None}
        good = {
            each.named_id: (each.key, _AS_READ.text) for each in readings.values() if each.named_id and each.is_good
        }
        claims = _ClaimsRead(self._store, readings.values(), unlisted)
        catalog = Catalog(self._store, self._check, claims=claims, good=lambda: good, notes=False)
        found: list[Examined] = []
        for dag_id, each in catalog.owners().items():
            reading = readings.get(each.key)
            if reading is not None and catalog.knows_good(each):
                warnings = tuple(self._placed(each.key, reading.problems))
                found.append(Examined(each.key, dag_id, GOOD, (), warnings, reading.summary))
            else:
                found.append(
                    self.of_config(catalog.settled(dag_id, each), reading.summary if reading is not None else None)
                )
        return sorted(found, key=lambda examined: examined.key)

    def find(self, dag_id: str) -> Config | BrokenConfig | None:
        """
        Return the config that has a DAG id in a load, None where none has; all are opened only where that is needed.

        :raises StoreError: where the store can't be listed
        """
        return self._catalog.find(dag_id)

    def of_config(self, config: Config | BrokenConfig, summary: Summary | None = None) -> Examined:
        """
        Return what is wrong with a config that this examination has returned.

        :param summary: of its file, None to make it from the document that runs
        """
        found = self._found.get(config.key, ())
        warnings = [each for each in found if each.level != ERROR]
        error = config.problem if isinstance(config, BrokenConfig) else config.trouble and config.trouble.problem
        problems = list(problems_in(error)) if error else []
        return Examined(
            config.key,
            config.dag_id,
            state_of(config),
            tuple(self._placed(config.key, problems)),
            tuple(self._placed(config.key, warnings)),
            summary or summary_of(config.document),
        )

    def of_defaults(self, key: str) -> list[Problem]:
        """
        Return what is wrong with what a file of defaults says itself; what it lacks may be in the configs.

        :raises StoreError: where the store can't be read
        """
        return problems_of_defaults(self._store, key, self._allowed, self._files, self._positions)

    def _check(self, config: Config) -> None:
        problems = self._found.get(config.key) if config.trouble is None else None
        if problems is None:
            problems = examine_config(config, self._allowed, warnings=True).problems
            if config.trouble is None:
                self._found[config.key] = problems
        if errors := [problem for problem in problems if problem.level == ERROR]:
            raise InvalidError(errors)

    def _placed(self, key: str, problems: Sequence[Problem]) -> list[Problem]:
        located = self._positions.located(problems, key, defaults_keys(key)) if problems else []
        return without_inherited(located, key)


class _ClaimsRead(Claims):
    """The claims of configs that have been read."""

    def __init__(self, store: ConfigStore, readings: Iterable[Reading], unlisted: Mapping[str, str]) -> None:
        super().__init__(store)
        self.unlisted.update(unlisted)
        self._claims = [
            Claim(each.key, each.named_id, _AS_READ, partial(self._reopened, each.key, each.named_id))
            for each in readings
        ]

    def all(self, verdicts: Verdicts, load_time: LoadTime, needed: Callable[[str], bool]) -> list[Claim]:
        del load_time, needed  # what was read in other processes takes no time here, and no memory
        if not self.unlisted:
            return self._claims
        return [*self._claims, *self._unlisted(verdicts.copies, {claim.key for claim in self._claims})]


def problems_of_defaults(
    store: Readable, key: str, allowed: Allowed, files: ConfigFiles, positions: Positions
) -> list[Problem]:
    """
    Return what is wrong with what a file of defaults says itself; what it lacks may be in the configs.

    :raises StoreError: where the store can't be read
    """
    try:
        files.with_defaults(key, {})
        document = parse(store.read(key), key, may_be_empty=True)
    except KeyError:
        return []
    except ConfigError as error:
        is_own = error.config in (None, key)
        return positions.located(problems_in(error), key, ()) if is_own else []
    found = [problem for problem in validate(document, allowed, is_stored=True) if problem.kind != EFFECT]
    return positions.within(found, key)


def state_of(config: Config | BrokenConfig) -> State:
    """Return whether a config runs as it is, as its last good version, or not at all."""
    if isinstance(config, BrokenConfig):
        return BROKEN
    return LAST_GOOD if config.trouble is not None else GOOD
