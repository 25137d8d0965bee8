"""A DAG bundle of Airflow's that makes the loader files by itself, so that no DAGs folder is needed."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from airflow.dag_processing.bundles.base import BaseDagBundle

from dag_factory import settings
from dag_factory.dag.bundle_list import bundle_problems, part_of
from dag_factory.dag.later_seconds import configured_later_seconds
from dag_factory.dag.load_notes import notes_path, read_loads
from dag_factory.dag.loader_folder import STORING_SECONDS, LoaderFolder
from dag_factory.dag.touches import Touches
from dag_factory.errors import DagFactoryError, LoaderError, SettingsError
from dag_factory.settings.options import SECTION
from dag_factory.store import ConfigStore, configured_memory, configured_store
from dag_factory.store.changed_ids import ChangedSinceMarker, Looks
from dag_factory.store.markers import all_have_seen

log = logging.getLogger(__name__)

# A DAG processor may have many bundles, and each look lists the whole store.
_LOOKS = Looks(configured_store)


class IngestionBundle(BaseDagBundle):
    """
    The loader files of a config store: all of them, or the part for one of several DAG processors.

    They lie in Airflow's folder for bundles. `refresh` asks the store for its marker, and for nothing more while that
    is the same. Where it has changed, the loader files that the changes concern are touched, so that Airflow parses
    these. A store that is missing changes nothing: all DAGs stay as they are.

    It has no versions: a run uses the config that the store has when its task starts.

    :param store: only documents the setting ``config_store`` here, and must be the same
    :param shards: how many loader files there are, in all parts together
    :param part: which part of them this bundle makes, from 0 on
    :param parts: how many parts there are
    :raises SettingsError: where one of these is wrong. Airflow logs it, and goes on without the bundle
    """

    supports_versioning = False
    storing_seconds = STORING_SECONDS

    def __init__(
        self, *, store: str | None = None, shards: int = 1, part: int = 0, parts: int = 1, **airflow: Any
    ) -> None:
        super().__init__(**airflow)
        try:
            self._part = part_of({"shards": shards, "part": part, "parts": parts})
            _require_configured(store)
        except SettingsError as error:
            raise SettingsError(f"bundle '{self.name}': {error}.") from None
        self._files = LoaderFolder(self.base_dir)
        self._touches = Touches(
            self._files,
            self._part,
            ChangedSinceMarker(_LOOKS),
            configured_later_seconds(),
            # Airflow counts from a moment before the last refresh, and must not be taken for early.
            look_seconds=0.9 * self.refresh_interval,
        )
        self._is_first_refresh = True
        self._began = time.time()
        self._all_seen_at: float | None = None
        # Why the store can't be asked, as last logged.
        self._problem = ""

    @property
    def path(self) -> Path:
        """The folder of the loader files."""
        return self.base_dir

    def get_current_version(self) -> None:
        """Return nothing, since the bundle has no versions."""
        return

    def initialize(self) -> None:
        """Make the loader files, in the DAG processor and in each worker. That needs no store."""
        self._make()
        super().initialize()

    def refresh(self) -> None:
        """Touch the loader files that changes concern. Where the store can't be asked, a line is logged."""
        # A cleaner of temporary files may have removed some.
        self._make()
        if self._is_first_refresh:
            for problem in bundle_problems():
                log.error("[dag_processor] dag_bundle_config_list: %s", problem)
            self._is_first_refresh = False
        try:
            store = configured_store()
            self._touches.take_up(store)
            self._retire(store)
        except DagFactoryError as error:
            if str(error) != self._problem:
                log.error("Bundle '%s': %s Until the store is back, all DAGs stay as they are", self.name, error)
            self._problem = str(error)
        else:
            self._problem = ""

    def _make(self) -> None:
        """
        Make the loader files.

        :raises LoaderError: where they can't be made
        """
        try:
            self._files.make(self._part.all())
        except OSError as error:
            raise LoaderError(
                f"bundle '{self.name}': the loaders in '{self.path}' can't be made: {error.strerror}. Set "
                "[dag_processor] dag_bundle_storage_path to a folder that Airflow's user can write to."
            ) from error

    def _retire(self, store: ConfigStore) -> None:
        """Remove the loader files of another number of shards, once each of the new ones has been parsed."""
        others = set(self._files.found()).difference(self._part.all())
        if not others or not self._all_parsed(store):
            return
        # Airflow may store a parse's DAGs only after the parse has noted its marker.
        self._all_seen_at = self._all_seen_at or time.time()
        if time.time() - self._all_seen_at >= self.storing_seconds:
            self._files.remove(sorted(others))
            # One of them may have been parsed after the new ones, and Airflow then counts its DAGs as made by that.
            self._files.touch(self._part.all())

    def _all_parsed(self, store: ConfigStore) -> bool:
        """Return whether each loader file has been parsed since this bundle was made and the store last changed."""
        marker = store.marker()
        if marker is not None and not all_have_seen(store, self._part.all(), marker):
            return False
        memory = configured_memory(settings.config_store())
        if memory is None:
            return marker is not None
        # Notes in the store may be of earlier loads with as many shards. A read-only store has none.
        last = (read_loads(notes_path(memory.path, shard)).complete for shard in self._part.all())
        return all(load is not None and load.began >= self._began for load in last)


def _require_configured(store: str | None) -> None:
    if store is not None and str(store).rstrip("/") != settings.config_store().rstrip("/"):
        # Neither is quoted: a location may have a password in it.
        raise SettingsError(
            f"store is not the same as [{SECTION}] config_store, which the API server and the workers read. Set that "
            "to the store on every machine, and leave store out of the bundle"
        )
