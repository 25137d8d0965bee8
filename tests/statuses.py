"""What tests ask of a status that the OpenMetadata server has of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dag_factory.portable.openmetadata.outcomes import STEP


def reason_of(status: Mapping[str, Any] | None) -> str:
    """Return the reason that a status holds, empty where it holds none of ours."""
    failures = [
        failure for step in (status or {}).get("status", []) if step["name"] == STEP for failure in step["failures"]
    ]
    return str(failures[0]["error"]) if failures else ""
