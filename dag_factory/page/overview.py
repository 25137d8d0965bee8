"""How many pipelines are in which state, and what the table can be filtered by."""

from __future__ import annotations

import asyncio
from typing import Any

from dag_factory.dag.tags import LAST_GOOD_TAG, PROBLEM_TAG, SERVICE_PREFIX, TAG, TYPE_PREFIX, WARNING_TAG
from dag_factory.page.filters import Filter
from dag_factory.page.listing import MOST, count, first_of, tags
from dag_factory.page.visitor import Visitor

_COUNTED = {
    "all": Filter(),
    "paused": Filter(paused=True),
    "running": Filter(last="running"),
    "failed": Filter(last="failed"),
}
_STATES = {
    "last_good": Filter(state="last_good"),
    "broken": Filter(state="broken"),
    "warnings": Filter(state="warnings"),
}

# With more services than a menu can show, the search is the better way.
_MOST_NAMES = 1000


async def overview(visitor: Visitor) -> dict[str, Any]:
    """Return the counts of the pipelines that a user may see, and their types and services."""
    counts, states, names = await asyncio.gather(
        asyncio.gather(*(count(visitor, each) for each in _COUNTED.values())), _states(visitor), _names(visitor)
    )
    found = {**dict(zip(_COUNTED, counts, strict=True)), **states}
    good = max(0, found["all"] - found["last_good"] - found["broken"])
    types, services = (
        sorted(name.removeprefix(prefix) for name in names if name.startswith(prefix))
        for prefix in (TYPE_PREFIX, SERVICE_PREFIX)
    )
    return {"counts": {**found, "good": good}, "types": types, "services": services}


async def _states(visitor: Visitor) -> dict[str, int]:
    """Return how many pipelines are broken or doubtful. They are mostly few, so that one request has all."""
    wrong, total = await first_of(visitor, {"tags": [PROBLEM_TAG, WARNING_TAG], "tags_match_mode": "any"})
    if total > len(wrong):
        counts = await asyncio.gather(*(count(visitor, each) for each in _STATES.values()))
        return dict(zip(_STATES, counts, strict=True))
    named = [each for each in map(tags, wrong) if TAG in each]
    return {
        "last_good": sum(LAST_GOOD_TAG in each for each in named),
        "broken": sum(PROBLEM_TAG in each and LAST_GOOD_TAG not in each for each in named),
        "warnings": sum(WARNING_TAG in each for each in named),
    }


async def _names(visitor: Visitor) -> list[str]:
    """Return the tags of types and services of the DAGs that a user may see."""
    found: list[str] = []
    for offset in range(0, _MOST_NAMES, MOST):
        # What both kinds of tags have; those of other DAGs may have it as well.
        window = {"tag_name_pattern": ":", "order_by": "name", "limit": MOST, "offset": offset}
        names: list[str] = (await visitor.ask("GET", "/dagTags", params=window))["tags"]
        found += names
        if len(names) < MOST:
            break
    return found
