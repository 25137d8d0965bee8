"""How the pipelines here differ from those of the OpenMetadata server, as the last periodic check has found it."""

from __future__ import annotations

from typing import Any

from dag_factory.api_server.sync.last_difference import last_difference


def server_difference() -> dict[str, Any] | None:
    """Return the difference, None without a check; with an ``error``, its numbers are those of the check before."""
    found = last_difference()
    if found is None:
        return None
    return {
        "checked_at": found.checked_at.isoformat(timespec="seconds"),
        "only_on_server": found.only_on_server,
        "only_here": found.only_here,
        "older_here": found.older_here,
        "error": found.error,
    }
