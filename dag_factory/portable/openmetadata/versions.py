"""Which openmetadata-ingestion works with which OpenMetadata server: those whose first two numbers are the same."""

from __future__ import annotations

import re

_NUMBERS = re.compile(r"(\d+)\.(\d+)")


def minor_version(text: str | None) -> tuple[int, int] | None:
    """Return the first two numbers of a version, such as those of ``2.0.6-SNAPSHOT``; None where it has none."""
    found = _NUMBERS.match(text or "")
    return (int(found[1]), int(found[2])) if found is not None else None


def fits(ingestion: str | None, server: str | None) -> bool | None:
    """
    Return whether openmetadata-ingestion runs against a server of some version, None where a version is unknown.

    The rule is its own (``validate_versions``), and that of newer servers. Older servers compare three numbers.
    """
    ours, theirs = minor_version(ingestion), minor_version(server)
    return ours == theirs if ours is not None and theirs is not None else None
