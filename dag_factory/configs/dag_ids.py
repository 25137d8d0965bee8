"""DAG ids, as they are made from the names of pipelines."""

from __future__ import annotations

import re

MAX_DAG_ID = 250
NO_DAG_ID = "has no letter (a to z) and no digit, so no DAG id can be made from it. Use at least one"

_NOT_IN_DAG_ID = re.compile(r"[^0-9a-zA-Z\-_]+")
_IN_A_NAME = re.compile(r"[0-9a-zA-Z]")


def clean_dag_id(name: str) -> str:
    """
    Return the id of a pipeline's DAG: each sequence of characters other than ``0-9a-zA-Z-_`` becomes one ``_``.

    This is the rule of openmetadata-managed-apis, so a migrated pipeline keeps its history.
    """
    return _NOT_IN_DAG_ID.sub("_", name)


def names_a_dag(name: str) -> bool:
    """Return whether a DAG id can be made from a pipeline's name: whether it has a letter or a digit."""
    return _IN_A_NAME.search(name) is not None
