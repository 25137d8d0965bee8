"""
Checks where a run stages what it has read, before its workflow starts.

The author of a config chooses the folder, and the run makes it. In some folders that does harm: in the config store, a
folder with the name of a config blocks the deploys of that pipeline. Only the task knows the settings that name them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from dag_factory import settings
from dag_factory.configs.document import Document
from dag_factory.errors import ConfigError, SettingsError
from dag_factory.settings.airflow_settings import dags_folder, local_bundles
from dag_factory.settings.options import SECTION
from dag_factory.store.objects.location import is_url, local_path

_FIELD = "stageFileLocation"


def check_staging_place(document: Document) -> None:
    """
    Check that a run stages nothing in a folder of Airflow's DAGs or of this package.

    :param document: of the run, its references resolved, with its ``conf`` merged over it
    :raises ConfigError: where its location lies there, be it through links
    """
    source_config = document.get("sourceConfig")
    config = source_config.get("config") if isinstance(source_config, dict) else None
    location = config.get(_FIELD) if isinstance(config, dict) else None
    if not isinstance(location, str) or not location:
        return
    place = Path(location).resolve()
    for option, folder in _folders():
        if place.is_relative_to(folder.expanduser().resolve()):
            raise ConfigError(
                f"lies in the folder of {option}, where no run may stage data. Name another folder, or leave it out",
                field=f"sourceConfig.config.{_FIELD}",
            )


def _folders() -> Iterator[tuple[str, Path]]:
    """Yield the folders in which nothing may be staged, each with the option that names it."""
    store = settings.config_store()
    if (path := local_path(store)) is not None or not is_url(store):
        yield f"[{SECTION}] config_store", Path(path or store)
    with suppress(SettingsError):  # it is set to nothing
        yield f"[{SECTION}] state_folder", settings.state_folder()
    if (last_good := settings.last_good_folder()) is not None:
        yield f"[{SECTION}] last_good_folder", last_good
    yield "[core] dags_folder", dags_folder()
    for folder in local_bundles().values():
        yield "[dag_processor] dag_bundle_config_list", folder
