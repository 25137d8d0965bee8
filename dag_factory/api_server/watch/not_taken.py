"""Which DAGs may be outdated or missing in Airflow, so that a later parse is needed."""

from __future__ import annotations

from collections.abc import Callable, Collection

from dag_factory.api_server.watch.loader_files import DagIds
from dag_factory.api_server.watch.wanted_parse import union
from dag_factory.errors import DagFactoryError
from dag_factory.store import ConfigStore
from dag_factory.store.shards import Shard, shard_of


class NotTaken:
    """
    Knows for which changes Airflow may not have the DAG as the store has it.

    :param store: opens the config store
    :param shards: returns the shards that a change concerns
    :param missing: returns which of some DAG ids Airflow has no DAG for
    """

    def __init__(
        self,
        store: Callable[[], ConfigStore],
        shards: Callable[[DagIds], Collection[Shard]],
        missing: Callable[[Collection[str]], Collection[str]],
    ) -> None:
        self._store = store
        self._shards = shards
        self._missing = missing
        # What no load was seen for.
        self._unseen: DagIds = frozenset()

    def note(self, dag_ids: DagIds, *, is_seen: bool) -> None:
        """Take note of changes, and whether a load was seen for them."""
        if not is_seen:
            self._unseen = union(self._unseen, dag_ids)
        elif dag_ids is None:
            self._unseen = frozenset()
        elif self._unseen is not None:
            self._unseen = frozenset(self._unseen).difference(dag_ids)

    def among(self, dag_ids: DagIds) -> DagIds:
        """
        Return those of a change's DAG ids that Airflow may not have as they are, None where these may be all.

        They are those of a load that noted that it was not enough, those that no load was seen for, and those that
        Airflow has no DAG for, as when it was killed while it stored the DAGs.
        """
        # Another thread may replace it meanwhile.
        unseen = self._unseen
        try:
            store = self._store()
            needed = {shard for shard in self._shards(dag_ids) if store.load_note(shard).may_need_another}
        except DagFactoryError:
            return dag_ids
        if dag_ids is None or unseen is None:
            return dag_ids if needed or unseen != frozenset() else frozenset()
        numbers = {shard.of for shard in needed}
        found = {dag_id for dag_id in dag_ids if any(shard_of(dag_id, of) in needed for of in numbers)}
        return found.union(set(dag_ids).intersection(unseen), self._missing(dag_ids))
