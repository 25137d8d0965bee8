"""
Says which openmetadata-ingestion the interpreter has that runs this file, as it would run a pipeline.

It prints a JSON object: the ``version``, null where it has none, and the ``places`` where it looks for packages.
Nothing of openmetadata-ingestion is imported. The caller's end is `dag_factory.task.runner.installed_ingestion`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeAlias

DISTRIBUTION = "openmetadata-ingestion"

Revision: TypeAlias = "tuple[tuple[int, int] | None, ...]"


def installed_version() -> dict[str, Any]:
    """Return the version that this interpreter has, None where it has none, and its places."""
    found: str | None = None
    with suppress(PackageNotFoundError):
        found = version(DISTRIBUTION)
    return {"version": found, "places": [str(Path(sys.prefix, "pyvenv.cfg")), *sys.path]}


def revision(places: Iterable[str | Path]) -> Revision:
    """Return what changes when one of some files is replaced, or an entry of one of some folders is."""
    return tuple(_revision(Path(place)) for place in places)


def _revision(place: Path) -> tuple[int, int] | None:
    try:
        found = place.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


if __name__ == "__main__":
    print(json.dumps(installed_version()))
    sys.exit(0)
