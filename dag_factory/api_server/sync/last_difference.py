"""The result of the last check against the OpenMetadata server, which the processes of one machine share."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timezone
from pathlib import Path

from dag_factory import settings
from dag_factory.api_server.sync.difference import NOT_DEPLOYED_THERE, OLDER_HERE, ONLY_HERE, ONLY_ON_SERVER, Difference
from dag_factory.errors import DagFactoryError
from dag_factory.reporting import metrics
from dag_factory.store import memory_of
from dag_factory.store.folder.files import replace, sweep


@dataclass(frozen=True)
class LastDifference:
    """
    How many pipelines differed when the server was asked last.

    :param only_on_server: pipelines that the server counts as deployed, without a config here
    :param only_here: configs that came from the server, whose pipeline it no longer has
    :param older_here: configs that a deploy would change, or that the server doesn't count as deployed
    :param error: why the check failed, None where it did not; the numbers are then those of the check before
    """

    checked_at: datetime
    only_on_server: int = 0
    only_here: int = 0
    older_here: int = 0
    error: str | None = None


def last_difference() -> LastDifference | None:
    """Return the result of the last check on this machine, None where there was none, or it can't be read."""
    try:
        found = json.loads(result_file().read_bytes())
        checked_at = datetime.fromisoformat(found.pop("checked_at"))
        # Another version may have noted more.
        known = {each.name: found[each.name] for each in fields(LastDifference) if each.name in found}
        return LastDifference(checked_at, **known)
    except (DagFactoryError, OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def counted(difference: Difference, now: datetime | None = None) -> LastDifference:
    """Return a difference in numbers."""
    return LastDifference(
        now or datetime.now(timezone.utc),
        only_on_server=len(difference.of(ONLY_ON_SERVER)),
        only_here=len(difference.of(ONLY_HERE)),
        older_here=len(difference.of(OLDER_HERE, NOT_DEPLOYED_THERE)),
    )


def measured(result: LastDifference) -> list[metrics.Sample]:
    """Return the metrics of a check, none of one that failed."""
    kinds = ("only_on_server", "only_here", "older_here")
    return [metrics.DIFFERENCES.of(getattr(result, kind), kind=kind) for kind in kinds if result.error is None]


def keep(result: LastDifference) -> None:
    """
    Keep a result for all processes of this machine, whole or not at all.

    :raises OSError: where it can't be written
    :raises SettingsError: where the setting ``state_folder`` has no usable value
    """
    path = result_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A process that was killed while it wrote one has left its new file behind.
    sweep(path.parent)
    found = {**asdict(result), "checked_at": result.checked_at.isoformat()}
    replace(path, json.dumps(found).encode(), mode=0o600)


def result_file() -> Path:
    """
    Return the file that holds the result, beside what this machine knows of the store.

    :raises SettingsError: where a setting for it has no usable value
    """
    return memory_of(settings.config_store()).path.with_suffix(".difference.json")
