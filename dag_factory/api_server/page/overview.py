"""How many pipelines are in which state, and what the table can be filtered by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dag_factory.api_server.page.standings import Standing
from dag_factory.dag.tags import LAST_GOOD_TAG, PROBLEM_TAG, SERVICE_PREFIX, TYPE_PREFIX, WARNING_TAG

# With more services than a menu can show, the search is the better way.
_MOST_NAMES = 1000


def overview(pipelines: Sequence[Standing]) -> dict[str, Any]:
    """Return the counts of pipelines, each the total of one of the page's filters, and their types and services."""
    last = [each.last for each in pipelines]
    tags = [each.tags for each in pipelines]
    last_good = sum(LAST_GOOD_TAG in each for each in tags)
    broken = sum(PROBLEM_TAG in each and LAST_GOOD_TAG not in each for each in tags)
    names = set[str]().union(*tags)
    return {
        "counts": {
            "all": len(pipelines),
            "good": len(pipelines) - last_good - broken,
            "last_good": last_good,
            "broken": broken,
            "warnings": sum(WARNING_TAG in each for each in tags),
            "paused": sum(each.paused for each in pipelines),
            "running": last.count("running"),
            "failed": last.count("failed"),
        },
        "types": _names_after(TYPE_PREFIX, names),
        "services": _names_after(SERVICE_PREFIX, names),
    }


def _names_after(prefix: str, names: set[str]) -> list[str]:
    return sorted(name.removeprefix(prefix) for name in names if name.startswith(prefix))[:_MOST_NAMES]
