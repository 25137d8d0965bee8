"""Which version of openmetadata-ingestion runs a pipeline, as far as this process can know: nothing is started."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from dag_factory import settings
from dag_factory.errors import SettingsError
from dag_factory.options import IN_PROCESS

_DISTRIBUTION = "openmetadata-ingestion"
_METADATA = "openmetadata_ingestion-*.dist-info"


@dataclass(frozen=True)
class Interpreters:
    """
    The interpreters that may run pipelines.

    :param default: the one of a config that names none, or ``in_process``
    :param allowed: the further ones that a config may name
    :param version: of openmetadata-ingestion by the default one, where the operator has said it
    """

    default: str = IN_PROCESS
    allowed: frozenset[str] = frozenset()
    version: str | None = None


class IngestionVersions:
    """The versions by interpreter, each looked up once; made once for each load or call."""

    def __init__(self, interpreters: Callable[[], Interpreters] = Interpreters) -> None:
        self._interpreters = interpreters
        self._found: dict[str | None, str | None] = {}

    def of(self, python: str | None) -> str | None:
        """
        Return the version that an interpreter has, None where that is not known here, as on another machine.

        :param python: a config's ``dagFactory.runner.python``. Nothing is looked up of one that is not allowed
        """
        if python not in self._found:
            self._found[python] = self._look_up(python)
        return self._found[python]

    def is_open(self, python: str) -> bool:
        """Return whether a config may name an interpreter, as far as the settings of this process say."""
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
        if chosen == known.default and known.version:
            return known.version
        return installed(chosen) if chosen in {IN_PROCESS, known.default, *known.allowed} else None


def configured() -> IngestionVersions:
    """Return the versions by what the settings say; they are read when the first is asked for."""
    return IngestionVersions(
        lambda: Interpreters(settings.python(), settings.allowed_pythons(), settings.ingestion_version())
    )


def installed(python: str) -> str | None:
    """Return the version of openmetadata-ingestion that lies beside an interpreter, None where none is found."""
    if python == IN_PROCESS:
        with suppress(PackageNotFoundError):
            return version(_DISTRIBUTION)
        return None
    # Of a virtual environment, or of an installation of its own.
    found = sorted(Path(python).parent.parent.glob(f"lib/python3*/site-packages/{_METADATA}"))
    return found[-1].name.removesuffix(".dist-info").partition("-")[2] if found else None
