"""In which file is a pipeline's config, and when was it changed? As far as this machine knows without opening it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any

from dag_factory import settings
from dag_factory.errors import DagFactoryError
from dag_factory.store import configured_index, open_store
from dag_factory.store.objects.location import is_url

log = logging.getLogger(__name__)

Changes = dict[str, dict[str, Any]]

# How long the page waits for the file system: a network's may not answer, and the page shows without it.
_SECONDS = 2.0
# One alone, so that a file system that does not answer holds no more.
_thread = ThreadPoolExecutor(1, thread_name_prefix="openmetadata-page")


async def changes_in_time(
    dag_ids: Sequence[str], *, look: Callable[[Sequence[str]], Changes] | None = None, seconds: float = _SECONDS
) -> Changes:
    """Return what `changes` does, nothing where the file system does not answer in time."""
    found = asyncio.get_running_loop().run_in_executor(_thread, look or changes, dag_ids)
    try:
        return await asyncio.wait_for(found, seconds)
    except asyncio.TimeoutError:
        log.warning("The files of configs could not be looked up within %.0f s. Does the store answer?", seconds)
        return {}


def changes(dag_ids: Sequence[str]) -> Changes:
    """
    Return by DAG id the ``key`` of a config, and when its file was ``changed_at``, None where that is unknown.

    What is known is in the index of this machine. Where the DAG processor runs on another one, this index may not know
    a config; the note of its last run has the key then.
    """
    try:
        location = settings.config_store()
        index = configured_index(location)
        if index is None:
            return {}
        found = {dag_id: keys[0] for dag_id in dag_ids if (keys := index.keys_of(dag_id))}
        # In object storage, each of them would be a request.
        store = open_store(location) if found and not is_url(location) else None
        return {
            dag_id: {"key": key, "changed_at": _moment(store.changed(key)) if store is not None else None}
            for dag_id, key in found.items()
        }
    except DagFactoryError as error:
        log.debug("The files of configs can't be looked up: %s", error)
        return {}


def _moment(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):  # whatever date a file has
        return None
