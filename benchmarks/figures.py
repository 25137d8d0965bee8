"""Figures of a noisy machine: spreads instead of single values, and ratios of what ran side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil, nan
from statistics import median


def spread(values: Iterable[float], digits: int = 2) -> str:
    """Return ``min / median / max``."""
    figures = list(values)
    return " / ".join(f"{figure:,.{digits}f}" for figure in (min(figures), median(figures), max(figures)))


def percentile(values: Iterable[float], share: float) -> float:
    """Return the smallest value that a share (0 to 1) of all values does not exceed."""
    figures = sorted(values)
    return figures[max(0, ceil(share * len(figures)) - 1)]


def middle(values: Iterable[float]) -> float:
    """Return the median; NaN where there is no value."""
    return median(figures) if (figures := list(values)) else nan


def ratios(values: Iterable[float], to: Iterable[float]) -> list[float]:
    """Return the ratio of each round's figure to that of the same round."""
    return [value / other for value, other in zip(values, to, strict=True)]


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
