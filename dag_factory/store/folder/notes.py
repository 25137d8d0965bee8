"""Small notes that a store keeps for itself, and can do without."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from dag_factory.store.folder.files import read_own, replace, sweep, sync

log = logging.getLogger(__name__)

_MAX_TOKEN_BYTES = 200
# Some hundred thousand configs, each under the longest name that Airflow takes.
_MAX_MAPPING_BYTES = 128 * 1024 * 1024


def keep(path: Path, note: bytes) -> None:
    """Replace a note, as far as possible: a store that is read-only works as well. Never fails."""
    # A loader that Airflow has ended while it wrote a note has left its file behind.
    sweep(path.parent)
    try:
        replace(path, note, mode=0o644)
        sync(path.parent)
    except OSError as error:
        log.debug("can't keep %s: %s", path, error.strerror)


def token(path: Path) -> str | None:
    """Return the one word that a note holds, None where there is none."""
    try:
        return read_own(path, _MAX_TOKEN_BYTES).decode("ascii").strip() or None
    except (OSError, ValueError):
        return None


def mapping(path: Path) -> dict[str, object]:
    """Return what a note in JSON maps to what, nothing where that is not to be had."""
    try:
        found = json.loads(read_own(path, _MAX_MAPPING_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
