"""
Whether the cells make the same DAGs of the samples.

What DAGs are built from, their plans, is the same with each version. What Airflow writes of a DAG has the form of its
version, so that is the same for all Pythons of one version.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tools.matrix.cells import Cell

_SUMMARY = re.compile(r"[\d,]+ DAGs, (?P<plans>[0-9a-f]{8}) (?P<written>[0-9a-f]{8})")


def summary(count: int, plans: str, written: str) -> str:
    """Return what the table shows of two digests, in hexadecimal digits."""
    return f"{count:,} DAGs, {plans[:8]} {written[:8]}"


def unlike(summaries: Mapping[Cell, str]) -> list[str]:
    """Return a line for each digest that should be the same in all of some cells and is not; betas are left out."""
    plans: dict[str, list[str]] = {}
    written: dict[str, dict[str, list[str]]] = {}
    for cell, text in summaries.items():
        if (digests := _SUMMARY.fullmatch(text)) and not cell.may_fail:
            plans.setdefault(digests["plans"], []).append(cell.name)
            written.setdefault(cell.airflow, {}).setdefault(digests["written"], []).append(cell.name)
    lines = [f"DAGs are built from other plans: {_shown(plans)}"] if len(plans) > 1 else []
    lines += [
        f"Airflow {airflow} writes other DAGs: {_shown(of_one)}"
        for airflow, of_one in written.items()
        if len(of_one) > 1
    ]
    return lines


def _shown(cells: Mapping[str, list[str]]) -> str:
    return "; ".join(f"{digest} in {', '.join(names)}" for digest, names in cells.items())
