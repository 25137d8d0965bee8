"""Check of the key that encrypts configs."""

from __future__ import annotations

from dag_factory.cli.checks.check import Finding, fail, ok, warn
from dag_factory.cli.checks.site import Site
from dag_factory.cli.output import count_of
from dag_factory.portable.secrets.sealing import SETTING, Keys
from dag_factory.store.sealed_values import sealed_values

_MOST_NAMED = 3


def fernet(site: Site) -> list[Finding]:
    """Return whether there is a key, and whether it opens all that is encrypted in the store."""
    keys = Keys()
    found = sealed_values(site.store, keys)
    if keys.problem is not None:
        text, _, way_out = keys.problem.partition(". ")
        if found.configs:
            return [fail(f"{text}, and {_hold(found.configs)}", f"{way_out.rstrip('.')}.")]
        return [warn(f"{text}: a deploy with a secret is refused", f"{way_out.rstrip('.')}.")]
    if found.closed:
        few = sorted(found.closed)[:_MOST_NAMED]
        names = ", ".join(f"'{key}'" for key in few) + (", …" if found.closed.keys() - set(few) else "")
        return [
            fail(
                f"{len(found.closed)} of {found.configs} configs with encrypted values can't be decrypted: {names}",
                f"The first: {found.closed[few[0]].rstrip('.')}.",
            )
        ]
    count = len(keys.fingerprints)
    what = f"{_hold(found.configs)}, and all can be decrypted"
    if count > 1:
        return [
            warn(
                f"{SETTING} has {count} keys; {what}",
                "Run airflow openmetadata-dag-factory rotate-key: then the older keys can be removed.",
            )
        ]
    return [ok(f"{SETTING} has a key; {what}" if found.configs else f"{SETTING} has a key; nothing is encrypted yet")]


def _hold(configs: int) -> str:
    return f"{count_of(configs, 'config')} {'hold' if configs != 1 else 'holds'} encrypted values"
