"""What is installed for a version of openmetadata-ingestion: itself, its extras, and what it does not state."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from dag_factory.configs.schemas import VERSIONS
from dag_factory.errors import CommandError
from dag_factory.portable.openmetadata.installed_version import DISTRIBUTION
from dag_factory.portable.openmetadata.versions import minor_version

# Nothing else reaches pip or uv: neither an option, nor a URL, nor a marker.
_VERSION = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4}){1,3}")
_EXTRA = re.compile(r"[A-Za-z0-9]+([-_.][A-Za-z0-9]+)*")
_WHOLE = 3
"""How many dots a version has that names one release, such as 2.0.7.0."""


@dataclass(frozen=True)
class Pin:
    """A requirement that openmetadata-ingestion itself does not state, and why it is needed."""

    requirement: str
    why: str


@dataclass(frozen=True)
class Wanted:
    """
    The requested contents of an environment.

    :param version: of openmetadata-ingestion; with fewer than four numbers, the newest release that begins with them
    :param extras: in alphabetical order
    """

    version: str
    extras: tuple[str, ...] = ()

    @property
    def is_tried(self) -> bool:
        """Whether this package has been tried with that version."""
        return minor_version(self.version) in VERSIONS

    @property
    def requirements(self) -> list[str]:
        """All that pip is given."""
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        release = self.version if self.version.count(".") == _WHOLE else f"{self.version}.*"
        return [f"{DISTRIBUTION}{extras}=={release}", *(pin.requirement for pin in pins(self.version))]


def wanted(version: str, extras: str | None) -> Wanted:
    """
    Return what the arguments of the command say.

    :param extras: separated by commas
    :raises CommandError: where one is not a version, or not the name of an extra
    """
    if not _VERSION.fullmatch(version):
        raise CommandError(
            "--version is not a version of openmetadata-ingestion. Write one such as 2.0.7.0, or 2.0 for its newest "
            "release"
        )
    names = [name.strip() for name in (extras or "").split(",") if name.strip()]
    for place, name in enumerate(names, 1):
        if not _EXTRA.fullmatch(name):
            raise CommandError(
                f"--extras: number {place} is not the name of an extra. Separate names by commas, such as "
                "postgres,snowflake"
            )
    return Wanted(version, tuple(sorted({normal(name) for name in names})))


def pins(version: str) -> Iterable[Pin]:
    """Return what a version of openmetadata-ingestion needs beside what it states."""
    yield Pin(
        "dbt-core<1.12", "dbt-core 1.12 downloads a program while it is installed, which a closed network refuses"
    )
    if (minor_version(version) or VERSIONS[-1]) < (1, 13):
        yield Pin("cachetools", f"{DISTRIBUTION} 1.12 imports it, and does not require it")


def normal(extra: str) -> str:
    """Return the name of an extra as pip compares it."""
    return re.sub(r"[-_.]+", "-", extra).lower()
