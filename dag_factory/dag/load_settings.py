"""The settings of a load. An invalid one must not stop all DAGs, so its default is used until it is corrected."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import TypeVar

from airflow import __version__ as airflow_version

from dag_factory import __version__, settings
from dag_factory.configs.allowed import Allowed, allowed_here
from dag_factory.errors import SettingsError
from dag_factory.portable.secrets.names import declared_names
from dag_factory.settings.options import DEFAULT_LONGEST_RUN

log = logging.getLogger(__name__)

Value = TypeVar("Value")
Default = TypeVar("Default")

_PACKAGE = Path(__file__).parents[1]
# Code, and the digests of openmetadata-ingestion's schemas.
_DECIDING = (".py", ".json")


def revision_of_code(package: Path) -> str:
    """
    Return a text that changes with the files that decide what is good, and what a DAG is.

    A file that was edited or restored in place changes it too, whatever the version says. Every file counts, to be
    safe: a change costs one new judgement of each config.

    :param package: the folder of this package
    """
    found = []
    for folder, _, names in os.walk(package):
        for name in names:
            if name.endswith(_DECIDING):
                path = f"{folder}/{name}"
                # One may vanish meanwhile, or be a broken link of an editor's.
                with suppress(OSError):
                    status = os.stat(path)  # noqa: PTH116 - hundreds of files
                    found.append((path, status.st_mtime_ns, status.st_size))
    return hashlib.sha256(repr(sorted(found)).encode("utf-8", "surrogateescape")).hexdigest()


@cache
def own_revision() -> str:
    """
    Return the `revision_of_code` of this package.

    A DAG processor calls this before it forks: its loads run the imported code, even if files change later.
    """
    return revision_of_code(_PACKAGE)


@dataclass(frozen=True)
class LoadSettings:
    """
    What a load needs of the settings.

    :param allowed: what the operator allows configs
    :param longest_run: seconds after which a run without a ``workflowTimeout`` is ended, None for no limit
    :param title_tag: whether a pipeline's title is one of its DAG's tags
    :param spread: over how many seconds the runs of one cron are spread
    :param openmetadata_url: address of OpenMetadata's UI, None where only configs may have it
    """

    allowed: Allowed = field(default_factory=Allowed)
    longest_run: int | None = None
    title_tag: bool = False
    spread: int = 0
    openmetadata_url: str | None = None

    def fingerprint(self) -> str:
        """
        Return a text that changes with everything that the judgement on a config and its DAG depend on besides files.

        Cluster policies and Airflow's executors are not part of it, see `dag_factory.dag.accepted`.
        """
        parts = [
            __version__,
            airflow_version,
            own_revision(),
            {each.name: getattr(self.allowed, each.name) for each in fields(self.allowed) if each.compare},
            *self.allowed.keys.fingerprints,
            self.allowed.keys.problem,
            # They are hidden in the docs of a DAG, which are kept.
            declared_names(),
            sorted(map(str, self.allowed.versions.all().items())),
            self.longest_run,
            self.title_tag,
            self.spread,
            self.openmetadata_url,
        ]
        return hashlib.sha256(repr(parts).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def configured() -> LoadSettings:
    """Return the settings of this process."""
    return LoadSettings(
        allowed_here(),
        _valid(settings.longest_run, DEFAULT_LONGEST_RUN, f"{DEFAULT_LONGEST_RUN} is used"),
        _valid(settings.title_tag, False, "titles are not tags"),
        _valid(settings.schedule_spread_seconds, 0, "runs are not spread"),
        settings.openmetadata_url(),
    )


def _valid(setting: Callable[[], Value], default: Default, effect: str) -> Value | Default:
    try:
        return setting()
    except SettingsError as error:
        log.error("%s. Until it is corrected, %s", str(error).rstrip("."), effect)
        return default
