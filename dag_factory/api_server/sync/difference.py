"""What the OpenMetadata server has and the config store lacks, what is older here, and the reverse."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

from dag_factory.api_server.sync.comparison import are_same, content
from dag_factory.api_server.sync.server_pipelines import Listing, ServerPipeline
from dag_factory.api_server.sync.stored_configs import StoredConfig, stored_config, stored_configs
from dag_factory.errors import ConfigError
from dag_factory.portable.openmetadata.server_address import ServerAddress
from dag_factory.portable.secrets.references import decrypted
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.store import ConfigStore
from dag_factory.store.file_names import deployed_key
from dag_factory.store.index import Index

ONLY_ON_SERVER = "only on the server"
OLDER_HERE = "older here"
NEWER_HERE = "newer here"
NOT_DEPLOYED_THERE = "here, not deployed there"
ONLY_HERE = "only here"


@dataclass(frozen=True)
class Chosen:
    """
    Which pipelines are compared: those of a service, of a type; empty for all.

    :param service: name of a service
    :param pipeline_type: such as ``metadata``
    :param runner: the ``ingestionRunner`` whose pipelines this Airflow runs; without one, those that name none
    """

    service: str = ""
    pipeline_type: str = ""
    runner: str = ""

    def holds(self, pipeline: ServerPipeline | StoredConfig) -> bool:
        """Return whether a pipeline is among them."""
        is_of_service = self.service in ("", pipeline.service[1])
        return is_of_service and self.pipeline_type in ("", pipeline.pipeline_type)


@dataclass(frozen=True)
class Differing:
    """
    A pipeline that differs.

    :param state: one of the states above
    :param id: its id at the server, also where it was deleted there
    :param key: of its config here, None where it has none
    :param why: what differs
    """

    state: str
    dag_id: str
    id: str
    name: str
    pipeline_type: str
    service: str
    key: str | None
    why: str


@dataclass
class Difference:
    """
    How the store and the server differ.

    :param differing: the pipelines that differ, by DAG id
    :param undeployed: pipelines that are not here, and that the server doesn't count as deployed either
    :param on_server: how many pipelines the server has listed
    :param compared: how many of those were compared
    :param elsewhere: how many pipelines other runners run, or other servers have deployed here
    :param written_by_hand: how many configs were written by hand, and are unknown to the server
    :param not_comparable: pipelines whose ``sourceConfig`` the server hides from this user
    :param skipped: pipelines that can't be deployed: their service is deleted, they have no name for a DAG id, or the
        document is nested too deeply
    :param is_complete: whether the server has listed all that it counts
    """

    differing: list[Differing] = field(default_factory=list)
    undeployed: list[Differing] = field(default_factory=list)
    on_server: int = 0
    compared: int = 0
    elsewhere: int = 0
    written_by_hand: int = 0
    not_comparable: int = 0
    skipped: int = 0
    is_complete: bool = True
    known_to_server: list[StoredConfig] = field(default_factory=list, repr=False)
    """The configs here that the server knows."""
    unknown_to_server: list[StoredConfig] = field(default_factory=list, repr=False)
    """Those of this server that it doesn't know."""

    def of(self, *states: str) -> list[Differing]:
        """Return the pipelines of some states."""
        return [each for each in self.differing if each.state in states]

    @property
    def to_deploy(self) -> list[Differing]:
        """The pipelines that a deploy by the server would bring back."""
        return self.of(ONLY_ON_SERVER, OLDER_HERE, NOT_DEPLOYED_THERE)


class Comparison:
    """
    Compares a store with a server's pipelines, page by page: of the server's documents it keeps none.

    :param keys: Airflow's Fernet keys. Without the one that a value is encrypted with, the value counts as the same
    """

    def __init__(self, store: ConfigStore, index: Index, keys: Keys, chosen: Chosen) -> None:
        self._store = store
        self._keys = keys
        self._chosen = chosen
        # Before the server is asked: what is deployed meanwhile is looked up once more.
        self._configs = stored_configs(store, index)
        self._known: dict[str, StoredConfig] = {}
        self._found = Difference()

    def with_server(self, listing: Listing, server: ServerAddress | None) -> Difference:
        """
        Return the difference.

        :param server: the address by which we ask it
        :raises ServerError: where the server refuses or does not answer
        :raises StoreError: where the store can't be read
        """
        for pipeline in listing:
            self._compare(pipeline)
        found = self._found
        found.is_complete = listing.is_complete
        found.skipped = listing.skipped
        found.on_server = len(listing.ids)
        # A pipeline that can't be deployed is not compared, but the server has it.
        for config in self._configs.values():
            if config.id in listing.skipped_ids:
                self._known.setdefault(config.dag_id, config)
        found.known_to_server = list(self._known.values())
        addresses = {config.server for config in self._known.values()} | {server}
        for config in self._configs.values():
            if config.dag_id not in self._known and config.id not in listing.ids and self._chosen.holds(config):
                self._only_here(config, addresses)
        for each in (found.differing, found.undeployed):
            each.sort(key=lambda one: (one.dag_id, one.id))
        return found

    def _compare(self, pipeline: ServerPipeline) -> None:
        config = self._configs.get(pipeline.dag_id)
        if config is None:
            # It may have been deployed since the store was listed.
            config = stored_config(self._store, pipeline.dag_id, deployed_key(pipeline.dag_id))
        is_it = config is not None and is_config_of(config, pipeline)
        if config is not None and is_it:
            self._known[pipeline.dag_id] = config
        if not self._chosen.holds(pipeline):
            return
        if pipeline.runner is not None and pipeline.runner != self._chosen.runner and not is_it:
            self._found.elsewhere += 1
            return
        self._found.compared += 1
        if config is None or not is_it:
            self._missing(pipeline, config)
        elif pipeline.is_hidden:
            self._found.not_comparable += 1
        elif config.id or not config.is_readable:
            self._both(pipeline, config)

    def _missing(self, pipeline: ServerPipeline, other: StoredConfig | None) -> None:
        why = f"its DAG id belongs to config '{other.key}' here" if other is not None else "no config here"
        states = self._found.differing if pipeline.is_deployed else self._found.undeployed
        states.append(_differing(ONLY_ON_SERVER, pipeline, None, why))

    def _both(self, pipeline: ServerPipeline, config: StoredConfig) -> None:
        difference = self._older_or_newer(pipeline, config)
        if difference is not None:
            self._found.differing.append(_differing(difference[0], pipeline, config.key, difference[1]))
        elif not pipeline.is_deployed:
            why = "the server doesn't count it as deployed"
            self._found.differing.append(_differing(NOT_DEPLOYED_THERE, pipeline, config.key, why))

    def _older_or_newer(self, pipeline: ServerPipeline, config: StoredConfig) -> tuple[str, str] | None:
        """Return how a config differs from the server's, None where a deploy would change nothing in it."""
        if not config.is_readable:
            return OLDER_HERE, "the config here can't be read"
        # Each change at the server has a time of its own, but a deploy changes the version too.
        if (pipeline.version, pipeline.updated_at) == (config.version, config.updated_at):
            return None
        fields = self._fields(pipeline, config)
        if not fields:
            return None
        why = f"differs in {', '.join(fields)}"
        theirs, ours = pipeline.updated_at, config.updated_at
        is_newer = theirs is not None and ours is not None and theirs < ours
        return (NEWER_HERE, why) if is_newer else (OLDER_HERE, why)

    def _fields(self, pipeline: ServerPipeline, config: StoredConfig) -> list[str]:
        """Return the fields in which a deploy would change a config."""
        theirs, ours = content(pipeline.document), config.content()
        with suppress(ConfigError):
            ours = decrypted(ours, config.dag_id, self._keys)
        return sorted(name for name in theirs.keys() | ours.keys() if not are_same(theirs.get(name), ours.get(name)))

    def _only_here(self, config: StoredConfig, addresses: set[ServerAddress | None]) -> None:
        if not config.id:
            self._found.written_by_hand += 1
        elif config.server is not None and config.server not in addresses:
            self._found.elsewhere += 1
        else:
            self._found.unknown_to_server.append(config)
            service = config.service[1]
            self._found.differing.append(
                Differing(
                    ONLY_HERE,
                    config.dag_id,
                    config.id,
                    config.name,
                    config.pipeline_type,
                    service,
                    config.key,
                    "the server doesn't have it, or has deleted it",
                )
            )


def is_config_of(config: StoredConfig, pipeline: ServerPipeline) -> bool:
    """
    Return whether a config is that of a pipeline of the server, rather than of another with the same DAG id.

    A recreated pipeline has another id and the same name; one whose service was renamed has the same id.
    """
    if not config.is_readable:
        return config.is_own_file
    if config.id == pipeline.id:
        return True
    if config.fqn:
        return config.fqn == pipeline.fqn
    return (config.name, config.service) == (pipeline.name, pipeline.service)


def _differing(state: str, pipeline: ServerPipeline, key: str | None, why: str) -> Differing:
    return Differing(
        state,
        pipeline.dag_id,
        pipeline.id,
        pipeline.name,
        pipeline.pipeline_type,
        pipeline.service[1],
        key,
        why,
    )
