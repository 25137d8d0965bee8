"""Removes configs of pipelines that the server has deleted. What may be a mistake is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dag_factory.api_server.sync.difference import Difference
from dag_factory.api_server.sync.server_api import ServerApi
from dag_factory.api_server.sync.server_pipelines import is_gone
from dag_factory.api_server.sync.stored_configs import StoredConfig, is_written_by_deploy
from dag_factory.errors import CommandError
from dag_factory.store import ConfigStore, writer


@dataclass(frozen=True)
class Pruned:
    """
    What became of a config.

    :param kept: why it was not removed, None where it was
    """

    config: StoredConfig
    kept: str | None = None


def candidates(difference: Difference) -> list[StoredConfig]:
    """
    Return the configs that may be removed, once each is confirmed.

    A wrong server, or a token with few rights, must not empty the store.

    :raises CommandError: where the server's answer is incomplete, or knows too few of the configs here
    """
    if not difference.unknown_to_server:
        return []
    if not difference.is_complete or difference.not_comparable:
        raise CommandError(
            "nothing is pruned: the server has not listed all of its pipelines, or has hidden fields of some. Give the "
            "Connection's user the permission to view all ingestion pipelines, and run it again"
        )
    if not difference.on_server or not difference.known_to_server:
        raise CommandError(
            "nothing is pruned: the server knows none of the configs in the store. Check that the Connection names the "
            "right server"
        )
    if len(difference.unknown_to_server) > len(difference.known_to_server):
        raise CommandError(
            f"nothing is pruned: of the configs in the store, the server knows {len(difference.known_to_server)} and "
            f"lacks {len(difference.unknown_to_server)}. If these are obsolete, delete their files by hand"
        )
    return difference.unknown_to_server


def prune(store: ConfigStore, api: ServerApi, configs: list[StoredConfig]) -> Iterator[Pruned]:
    """
    Remove configs, and yield each as it is done. Their DAGs go stale, and keep their runs.

    Only a file that a deploy has written is removed, of a pipeline that the server itself, asked for it alone, has
    deleted or doesn't know.

    :raises ServerError: where the server refuses or does not answer
    :raises StoreError: where the store can't be written
    """
    for config in configs:
        if not config.is_own_file:
            yield Pruned(config, "its file was not written by a deploy")
        elif not is_gone(api, config.id):
            yield Pruned(config, "the server still has it")
        elif not writer.withdraw(store, config.dag_id, is_written_by_deploy):
            yield Pruned(config, "it was written or changed by hand")
        else:
            yield Pruned(config)
