"""What the index of packages has of openmetadata-ingestion."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence

DISTRIBUTION = "openmetadata-ingestion"
_SECONDS = 60
_LIST = "Available versions: "


def releases() -> list[str]:
    """Return all releases that pip finds, the newest first; empty where no index answers."""
    command = [sys.executable, "-m", "pip", "index", "versions", DISTRIBUTION, "--disable-pip-version-check"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return []
    return listed(done.stdout)


def listed(printed: str) -> list[str]:
    """Return the releases in what pip prints."""
    (line, *_) = [each for each in printed.splitlines() if each.startswith(_LIST)] or [_LIST]
    return [each.strip() for each in line.removeprefix(_LIST).split(",") if each.strip()]


def newest(found: Iterable[str], minor: str) -> str | None:
    """Return the newest release of a minor version, such as ``2.0``."""
    return next((each for each in found if each.startswith(f"{minor}.")), None)


def beyond(found: Iterable[str], minors: Sequence[str]) -> str | None:
    """Return the newest release that is newer than all of some minor versions, None where there is none."""
    highest = max(_numbers(each) for each in minors)
    return next((each for each in found if _numbers(each)[:2] > highest), None)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
