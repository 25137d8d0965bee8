"""One load of a shard's configs. A config that has not changed is not opened: the plan of its DAG was kept."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from airflow.sdk import DAG

from dag_factory.dag.accepted import accepted_again
from dag_factory.dag.dags import Dags
from dag_factory.dag.last_load import Plans, again
from dag_factory.dag.load_settings import LoadSettings
from dag_factory.dag.plan import PlaceholderPlan, Plan, as_text
from dag_factory.errors import ConfigError
from dag_factory.store import ConfigStore
from dag_factory.store.catalog import Catalog
from dag_factory.store.claims import Claim, named_in
from dag_factory.store.config import BrokenConfig, Config, is_broken
from dag_factory.store.config_files import defaults_keys
from dag_factory.store.database import NoDatabase
from dag_factory.store.index import Index, Outcome
from dag_factory.store.last_good import BUDGET_SECONDS, InUse, Version
from dag_factory.store.load_time import LoadTime
from dag_factory.store.precedence import Found
from dag_factory.store.shards import WHOLE, Shard

log = logging.getLogger(__name__)


class Load:
    """
    A load of a shard.

    :param store: that is loaded
    :param index: what this machine knows of it, None where it must not remember anything
    :param outcomes: what the last loads of all shards have made of the configs, as the index has it
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what a load depends on
        self,
        store: ConfigStore,
        shard: Shard,
        settings: LoadSettings,
        load_time: LoadTime,
        index: Index | None = None,
        outcomes: Mapping[str, Outcome] | None = None,
    ) -> None:
        self._store = store
        self._shard = shard
        self._load_time = load_time
        self._index = index
        self._outcomes = outcomes or {}
        self._fingerprint = settings.fingerprint() if index is not None else ""
        self._made = Dags(settings)
        self._catalog = Catalog(store, self._made.check, load_time=load_time, index=index, good=lambda: self._good)
        self._unchanged: list[str] = []
        self._put_off: dict[str, Plan | PlaceholderPlan] = {}
        self._configs: dict[str, Config | BrokenConfig] = {}
        self._plans: dict[str, str] = {}
        self.dags: dict[str, DAG] = {}
        """The DAGs of the shard, by DAG id."""

    def run(self) -> None:
        """
        Build the DAGs.

        :raises StoreError: where the store can't be listed
        """
        had = len(self._had) or None
        is_judging = False
        for dag_id, found in self._to_judge(had):
            if not is_judging:
                self._load_time.begin_step()
                is_judging = True
            dag = self._put_off_again(dag_id, found)
            if dag is None:
                config = self._configs[dag_id] = self._catalog.settled(dag_id, found)
                built = self._made.of(config)
                if built is None:
                    continue
                dag, self._plans[dag_id] = built[0], as_text(built[1])
            self.dags[dag_id] = dag
        self.dags = {dag_id: self.dags[dag_id] for dag_id in sorted(self.dags)}

    def _to_judge(self, had: int | None) -> Iterator[tuple[str, Found]]:
        """Yield what has to be judged; build the DAGs of the others. Those of which only a copy is gone come last."""
        uncopied: list[tuple[str, Found]] = []
        for dag_id, found in self._catalog.held(self._shard, had, self._rank):
            if not self._catalog.knows_good(found):
                yield dag_id, found
            elif (dag := self._as_before(dag_id)) is None:
                uncopied.append((dag_id, found))
            else:
                self._unchanged.append(dag_id)
                self.dags[dag_id] = dag
        self._store.prefetch(found.key for _, found in uncopied)
        yield from uncopied

    @property
    def states(self) -> dict[str, int]:
        """How many configs of the shard are in each state that `dag_factory.reporting.metrics.CONFIGS` has."""
        counts = {"good": len(self._unchanged), "last_good": 0, "broken": 0, "waiting": len(self._load_time.left_out)}
        for plan in self._put_off.values():
            if isinstance(plan, PlaceholderPlan):
                counts["broken"] += 1
            else:
                counts["good" if plan.problem is None else "last_good"] += 1
        for config in self._configs.values():
            if isinstance(config, BrokenConfig):
                counts["broken"] += 1
            else:
                counts["good" if config.trouble is None else "last_good"] += 1
        return counts

    @property
    def are_changed(self) -> bool:
        """Whether a DAG of the last load has changed."""
        ids = self._configs.keys() & self._outcomes.keys()
        return any(self._plans.get(dag_id) != self._plans_before.get(dag_id) for dag_id in ids)

    @property
    def are_gone(self) -> bool:
        """Whether a DAG of the last load is not in this one, for whatever reason."""
        return any(dag_id not in self.dags for dag_id in self._had)

    @property
    def are_put_off(self) -> bool:
        """Whether a config stays as it was for lack of time, so that another load is needed."""
        return bool(self._load_time.put_off)

    def keep_last_good(self, since: float, seconds: float) -> dict[str, str]:
        """
        Keep last good versions where something has changed; return their names by DAG id. Never fails.

        :param since: when the configs were listed, in seconds since the epoch
        :param seconds: for how long copies are written
        """
        if self._index is not None and not self._configs and not self._gone:
            return {}
        return keep_last_good(
            self._store,
            list(self._configs.values()),
            since=since,
            complete=self._catalog.is_complete,
            seconds=seconds,
            shard=self._shard,
            # Which copy of such a config is needed is unknown until it is judged, so all of them stay.
            unchanged=dict.fromkeys(self._put_off, "")
            | {dag_id: self._outcomes[dag_id].copy or "" for dag_id in self._unchanged},
            broken=self._catalog.broken | self._load_time.put_off,
        )

    def remember(self, copies: Mapping[str, str], marker: str | None) -> None:
        """
        Keep the outcome and the plan of each config in the index. Never fails.

        :param copies: the names of last good versions, by DAG id
        :param marker: the store's marker, as it was before the configs were listed
        """
        if self._index is None:
            return
        outcomes = {dag_id: self._outcome(config, copies) for dag_id, config in self._configs.items()}
        changed = {
            dag_id: outcome
            for dag_id, outcome in outcomes.items()
            if outcome != self._outcomes.get(dag_id) or self._plans.get(dag_id) != self._plans_before.get(dag_id)
        }
        changed |= self._waiting_first
        plans = {dag_id: self._plans[dag_id] for dag_id in changed if dag_id in self._plans}
        self._index.keep(self._shard, changed, plans, self._gone, marker)

    @property
    def _waiting_first(self) -> dict[str, Outcome]:
        """The outcomes of broken configs that were put off, and are to come before other broken ones from now on."""
        outcomes = {dag_id: self._outcomes[dag_id] for dag_id in self._put_off}
        if any(outcome.judged_with == "" for outcome in outcomes.values()):
            return {}  # those that an earlier load has marked were put off again, so they stay first
        return {
            dag_id: outcome._replace(judged_with="")
            for dag_id, outcome in outcomes.items()
            if outcome.judged_with is None
        }

    def _outcome(self, config: Config | BrokenConfig, copies: Mapping[str, str]) -> Outcome:
        stamp = self._catalog.stamps.get(config.key)
        is_good = isinstance(config, Config) and config.trouble is None
        copy = copies.get(config.dag_id)
        if not is_good or copy is None or stamp is None or not stamp.is_certain or config.dag_id not in self._plans:
            return Outcome(config.key)
        return Outcome(config.key, stamp.text, self._fingerprint, copy)

    @cached_property
    def _good(self) -> dict[str, tuple[str, str]]:
        """Key and stamp of each config that is known to be good with the present settings, by DAG id."""
        return {
            dag_id: (outcome.key, outcome.stamp)
            for dag_id, outcome in self._outcomes.items()
            if outcome.judged_with == self._fingerprint and outcome.stamp is not None
        }

    @cached_property
    def _had(self) -> Sequence[str]:
        """The DAG ids that the last load of the shard had, sorted."""
        return sorted(filter(self._shard.holds, self._outcomes))

    @property
    def _gone(self) -> list[str]:
        """The DAG ids of the shard that no config has any more."""
        if not self._catalog.is_complete:
            return []
        return [dag_id for dag_id in self._had if dag_id not in self._configs and dag_id not in self.dags]

    def _as_before(self, dag_id: str) -> DAG | None:
        """Return the DAG of a config that has not changed; None where it has to be judged again."""
        copy = self._outcomes[dag_id].copy
        plan = self._kept_plans.of(dag_id)
        if copy is None or not isinstance(plan, Plan) or not self._store.last_good.has(copy):
            return None
        try:
            return accepted_again(plan)
        except ConfigError as error:
            log.debug("DAG '%s': %s", dag_id, error)
        except Exception:
            log.exception("DAG '%s' can't be built as at the last load", dag_id)
        return None

    def _rank(self, dag_id: str, found: Found) -> int:
        """Return when a config is judged: first those that have changed, and last those that were broken before."""
        outcome = self._outcomes.get(dag_id)
        if outcome is None or outcome.judged_with == "":
            return 0
        if outcome.judged_with is None:
            return 2
        return int(isinstance(found, Claim) and found.stamp is not None and found.stamp.text == outcome.stamp)

    def _put_off_again(self, dag_id: str, found: Found) -> DAG | None:
        """Return the DAG of the last load in place of a config for which there is no time; None where it is judged."""
        outcome = self._outcomes.get(dag_id)
        if outcome is None or not isinstance(found, Claim) or not self._load_time.waits(found.key):
            return None
        plan = self._kept_plans.of(dag_id)
        dag = again(plan, outcome.key) if plan is not None else None
        if plan is not None and dag is not None:
            self._load_time.put_off.add(found.key)
            self._put_off[dag_id] = plan
        return dag

    @cached_property
    def _plans_before(self) -> Mapping[str, str]:
        """What the last loads have built the DAGs of changed configs from, by DAG id."""
        return self._index.plans(self._configs) if self._index is not None else {}

    @cached_property
    def _kept_plans(self) -> Plans:
        return Plans(self._index or Index(NoDatabase()), self._had)


def keep_last_good(  # noqa: PLR0913 - by name
    store: ConfigStore,
    configs: Sequence[Config | BrokenConfig],
    *,
    since: float,
    complete: bool,
    seconds: float = BUDGET_SECONDS,
    shard: Shard = WHOLE,
    unchanged: Mapping[str, str] | None = None,
    broken: Collection[str] = (),
) -> dict[str, str]:
    """
    Keep copies of what the DAGs have been built from, to run while the configs are broken. Never fails.

    There is one copy for each DAG id, and one of each config. So where a broken config has got the last good version of
    another one that gave the same DAG id, that version is the broken config's own from then on.

    :param since: when the configs were listed, in seconds since the epoch
    :param complete: whether no other config of the shard is in the store
    :param seconds: for how long copies are written
    :param unchanged: the names of the copies of further good configs, by DAG id; empty where none could be kept
    :param broken: keys of further broken configs, whose copies stay
    :return: the names of the copies in place, by DAG id
    """
    run: list[Version] = []
    waiting: set[str] = set()
    for config in configs:
        if isinstance(config, BrokenConfig):
            # Its copy can't run, but the operator may allow it again. An id that was only made up has none.
            if named_in(config.document) == config.dag_id:
                waiting.add(config.dag_id)
        elif config.trouble is None:
            access = store.access(config.key, defaults_keys(config.key))
            run.append(Version(config.dag_id, config.key, config.document, access))
        elif (copy := config.trouble.copy) is not None and copy.key != config.key:
            run.append(replace(copy, key=config.key))
    unchanged = unchanged or {}
    in_use = InUse(
        dag_ids=waiting.union(dag_id for dag_id, copy in unchanged.items() if not copy),
        keys={config.key for config in configs if is_broken(config)}.union(broken),
        names=list(filter(None, unchanged.values())),
    )
    return store.last_good.keep(run, in_use, since=since, complete=complete, seconds=seconds, shard=shard)
