"""How the pipelines here differ from those of the OpenMetadata server, as the last periodic check has found it."""

from __future__ import annotations

from typing import Any


def server_difference() -> dict[str, Any] | None:
    """Return the difference, None where none was looked for."""
    return None
