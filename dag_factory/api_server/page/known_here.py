"""What this machine knows of pipelines without opening a config: their files, and the docs of their DAGs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from dag_factory import settings
from dag_factory.api_server.daemon_threads import DaemonThreads
from dag_factory.api_server.page.dag_docs import docs_of
from dag_factory.errors import DagFactoryError
from dag_factory.store import configured_index, open_store
from dag_factory.store.objects.location import is_url

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Known:
    """
    What is known of a pipeline.

    :param key: of its config
    :param changed_at: when the config's file was changed, None where that is unknown
    :param docs: of its DAG, empty where they are unknown
    """

    key: str
    changed_at: str | None = None
    docs: str = ""


# How long the page waits for the file system. A network file system may hang: the page then shows without it.
_SECONDS = 2.0
# Only one thread, so that a file system that hangs blocks no others.
_thread = DaemonThreads(1, "openmetadata-page")


async def known_in_time(
    dag_ids: Sequence[str],
    *,
    look: Callable[[Sequence[str]], dict[str, Known]] | None = None,
    seconds: float = _SECONDS,
) -> dict[str, Known]:
    """Return what `known` does, nothing where the file system does not answer in time."""
    found = asyncio.wrap_future(_thread.submit(look or known, dag_ids))
    try:
        return await asyncio.wait_for(found, seconds)
    except asyncio.TimeoutError:
        log.warning("The files of configs could not be looked up within %.0f s. Does the store answer?", seconds)
        return {}


def known(dag_ids: Sequence[str]) -> dict[str, Known]:
    """
    Return what is known of pipelines, by DAG id.

    It is in the index of this machine. Where the DAG processor runs on another one, this index may not know a config;
    the note of its last run has the key then.
    """
    try:
        location = settings.config_store()
        index = configured_index(location)
        if index is None:
            return {}
        keys = {dag_id: found[0] for dag_id in dag_ids if (found := index.keys_of(dag_id))}
        plans = index.plans(keys)
        # In object storage, each of them would be a request.
        store = open_store(location) if keys and not is_url(location) else None
        return {
            dag_id: Known(
                key,
                _moment(store.changed(key)) if store is not None else None,
                docs_of(plans.get(dag_id, "")),
            )
            for dag_id, key in keys.items()
        }
    except DagFactoryError as error:
        log.debug("What this machine knows of pipelines can't be looked up: %s", error)
        return {}


def _moment(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):  # whatever date a file has
        return None
