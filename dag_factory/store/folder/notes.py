"""Small notes that a store keeps for itself, and works without."""

from __future__ import annotations

import logging
from pathlib import Path

from dag_factory.store.folder.files import read_own, replace, sweep, sync

log = logging.getLogger(__name__)

_MAX_TOKEN_BYTES = 200


def keep(path: Path, note: bytes) -> None:
    """Replace a note, if possible: a read-only store works too. Never fails."""
    # Airflow may have ended a loader while it wrote a note, which left its new file behind.
    sweep(path.parent)
    try:
        replace(path, note, mode=0o644)
        sync(path.parent)
    except OSError as error:
        log.debug("can't keep %s: %s", path, error.strerror)


def token(path: Path) -> str | None:
    """Return the one word that a note holds, None where it is missing or can't be read."""
    try:
        return read_own(path, _MAX_TOKEN_BYTES).decode("ascii").strip() or None
    except (OSError, ValueError):
        return None
