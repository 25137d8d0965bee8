"""Which version of openmetadata-ingestion runs a pipeline, as far as can be known without starting an interpreter."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from dag_factory import settings
from dag_factory.errors import SettingsError
from dag_factory.portable.openmetadata.installed_version import Revision, installed_version, revision
from dag_factory.settings.options import IN_PROCESS

_METADATA = "openmetadata_ingestion-*.dist-info"


@dataclass(frozen=True)
class Interpreters:
    """
    The interpreters that may run pipelines.

    :param default: for configs that name none; a path or ``in_process``
    :param allowed: the further ones that a config may name
    :param version: of the default one's openmetadata-ingestion, where a setting says it; empty where that is invalid
    """

    default: str = IN_PROCESS
    allowed: frozenset[str] = frozenset()
    version: str | None = None


class IngestionVersions:
    """The versions by interpreter, each looked up once. Made once for each load or call."""

    def __init__(self, interpreters: Callable[[], Interpreters] = Interpreters) -> None:
        self._interpreters = interpreters
        self._found: dict[str | None, str | None] = {}

    def of(self, python: str | None) -> str | None:
        """
        Return the version that an interpreter has, None where it is unknown, such as on another machine.

        :param python: a config's ``dagFactory.runner.python``; looked up only where it is allowed
        """
        if python not in self._found:
            self._found[python] = self._look_up(python)
        return self._found[python]

    def all(self) -> dict[str | None, str | None]:
        """Return the version of each interpreter that a config may name, and of the one for configs that name none."""
        try:
            known = self._interpreters()
        except SettingsError:
            return {}
        return {python: self.of(python) for python in (None, IN_PROCESS, *sorted(known.allowed))}

    def is_open(self, python: str) -> bool:
        """Return whether a config may name an interpreter, by the settings of this process."""
        try:
            known = self._interpreters()
        except SettingsError:
            return True
        return python in {IN_PROCESS, known.default, *known.allowed}

    def _look_up(self, python: str | None) -> str | None:
        try:
            known = self._interpreters()
        except SettingsError:
            return None
        chosen = python or known.default
        if chosen == known.default and known.version is not None:
            return known.version or None
        return installed(chosen) if chosen in {IN_PROCESS, known.default, *known.allowed} else None


def configured() -> IngestionVersions:
    """Return the versions of the interpreters in the settings, which are read when a version is first asked for."""
    return IngestionVersions(lambda: Interpreters(settings.python(), settings.allowed_pythons(), _configured_version()))


def _configured_version() -> str | None:
    try:
        return settings.ingestion_version()
    except SettingsError:
        return ""  # which interpreters a config may name is known all the same


def installed(python: str) -> str | None:
    """Return the version of openmetadata-ingestion that is installed for an interpreter, None where none is found."""
    if python == IN_PROCESS:
        return _installed_here(revision(sys.path))
    # The layout of virtual environments, and of a Python's own installation.
    found = sorted(Path(python).parent.parent.glob(f"lib/python3*/site-packages/{_METADATA}"))
    return found[-1].name.removesuffix(".dist-info").partition("-")[2] if found else None


@lru_cache(maxsize=1)
def _installed_here(places: Revision) -> str | None:
    """
    Return the version that is installed beside this package.

    To read it takes some milliseconds, so it is kept until something is installed or removed.

    :param places: the revision of the folders of ``sys.path``
    """
    del places
    version: str | None = installed_version()["version"]
    return version
