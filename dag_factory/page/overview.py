"""How many pipelines are in which state, and what the table can be filtered by."""

from __future__ import annotations

import asyncio
from typing import Any

from dag_factory.api.rest import Caller
from dag_factory.dag.tags import SERVICE_PREFIX, TYPE_PREFIX
from dag_factory.page.filters import Filter
from dag_factory.page.listing import MOST, count

_COUNTED = {
    "all": Filter(),
    "last_good": Filter(state="last_good"),
    "warnings": Filter(state="warnings"),
    "paused": Filter(paused=True),
    "running": Filter(last="running"),
    "failed": Filter(last="failed"),
}

# With more services than a menu can show, the search is the better way.
_MOST_NAMES = 1000


async def overview(visitor: Caller) -> dict[str, Any]:
    """Return the counts of the pipelines that a user may see, and their types and services."""
    counts, wrong, types, services = await asyncio.gather(
        asyncio.gather(*(count(visitor, each) for each in _COUNTED.values())),
        count(visitor, Filter(state="broken")),
        _names(visitor, TYPE_PREFIX),
        _names(visitor, SERVICE_PREFIX),
    )
    found = dict(zip(_COUNTED, counts, strict=True))
    found |= {"good": max(0, found["all"] - found["last_good"] - wrong), "broken": wrong}
    return {"counts": found, "types": types, "services": services}


async def _names(visitor: Caller, prefix: str) -> list[str]:
    """Return what follows a prefix in the tags of the DAGs that a user may see, sorted."""
    found: list[str] = []
    for offset in range(0, _MOST_NAMES, MOST):
        window = {"tag_name_pattern": prefix, "order_by": "name", "limit": MOST, "offset": offset}
        tags = (await visitor.ask("GET", "/dagTags", params=window))["tags"]
        # Airflow's pattern finds it anywhere in a tag.
        found += [tag.removeprefix(prefix) for tag in tags if tag.startswith(prefix)]
        if len(tags) < MOST:
            break
    return sorted(found)
