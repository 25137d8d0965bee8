"""DAG ids: what a pipeline's name becomes in Airflow."""

from __future__ import annotations

import re

MAX_DAG_ID = 250
NO_DAG_ID = "has no letter (a to z) and no digit, so no DAG id can be made from it. Use at least one"

_NOT_IN_DAG_ID = re.compile(r"[^0-9a-zA-Z\-_]+")
_IN_A_NAME = re.compile(r"[0-9a-zA-Z]")


def clean_dag_id(name: str) -> str:
    """
    Return the id that a pipeline's DAG has: each run of characters outside ``0-9a-zA-Z-_`` becomes one ``_``.

    This is the rule of openmetadata-managed-apis, so that a migrated pipeline keeps its history.
    """
    return _NOT_IN_DAG_ID.sub("_", name)


def names_a_dag(name: str) -> bool:
    """Return whether a pipeline's name leaves something of a DAG id: one letter or digit, so that it is told apart."""
    return _IN_A_NAME.search(name) is not None
