"""Owners: whether each is a team or a user that has a name."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from dag_factory.configs.document import Document
from dag_factory.configs.problem import WARNING, Problem
from dag_factory.configs.validation.names import is_servers
from dag_factory.portable.openmetadata.nearest import nearest
from dag_factory.portable.secrets.references import is_reference

_KINDS = ("team", "user")
_NAMES = ("name", "displayName", "fullyQualifiedName", "id")
_MOST = 20


def owners(document: Document) -> Iterator[Problem]:
    """Yield a warning for each owner of an unknown kind, or without a name; a newer server may have further kinds."""
    found = document.get("owners")
    if not isinstance(found, list) or is_servers(document):
        return
    for number, owner in islice(enumerate(found), _MOST):
        if not isinstance(owner, dict) or is_reference(owner):
            continue  # the model reports that
        kind = owner.get("type")
        if isinstance(kind, str) and kind not in _KINDS:
            near = nearest(kind, _KINDS)
            way_out = f"Did you mean '{near}'?" if near else "Write team or user"
            yield Problem(f"owners.{number}.type", "value", "is neither team nor user", way_out, WARNING)
        if all(owner.get(name) in (None, "") for name in _NAMES):
            yield Problem(f"owners.{number}", "missing", "has no name", "Write {type: team, name: sales}", WARNING)
