"""Check of the configs: how many are good, how many run a last good version, how many are broken?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from dag_factory.checks.check import Finding, fail, ok, warn
from dag_factory.checks.site import Site
from dag_factory.configs import allowed
from dag_factory.errors import ConfigError
from dag_factory.store.catalog import Catalog
from dag_factory.store.config import BrokenConfig, check

_MOST_NAMED = 3


def configs(site: Site) -> list[Finding]:
    """
    Return how many configs are good.

    With what this machine knows of the store, only configs that have changed or are broken are opened.
    """
    catalog = Catalog(site.store, partial(check, opened=allowed.configured()), index=site.index)
    good, last_good, broken = 0, {}, {}
    for dag_id, found in catalog.speakers().items():
        if catalog.knows_good(found):
            good += 1
            continue
        config = catalog.settled(dag_id, found)
        if isinstance(config, BrokenConfig):
            broken[config.key] = config.problem
        elif config.trouble is not None:
            last_good[config.key] = config.trouble.problem
        else:
            good += 1
    findings = []
    if broken:
        findings.append(_problems(fail, broken, "broken, and no version of them runs"))
    if last_good:
        findings.append(_problems(warn, last_good, "broken, and run their last good versions"))
    return findings or [ok(f"{good} configs are good")]


def _problems(level: Callable[[str, str], Finding], problems: dict[str, ConfigError], what: str) -> Finding:
    few = sorted(problems)[:_MOST_NAMED]
    names = ", ".join(f"'{key}'" for key in few) + (", …" if len(problems) > _MOST_NAMED else "")
    way_out = "Run openmetadata-dag-factory validate: it says what is wrong, and where."
    return level(f"{len(problems)} config{'s are' if len(problems) != 1 else ' is'} {what}: {names}", way_out)
