"""Filter patterns: whether each is a regular expression, which openmetadata-ingestion finds out only in a run."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from itertools import islice

from dag_factory.configs.document import Document
from dag_factory.configs.problem import WARNING, Problem

FIELD = "sourceConfig.config"
_WAY_OUT = r"Write .* for any characters, and \ before a special one"
_SUFFIX = "FilterPattern"
# Longer patterns, and further ones, are not checked: people write none.
_LONGEST, _MOST = 500, 100


def patterns(document: Document) -> Iterator[Problem]:
    """Yield a warning for each pattern that is not a regular expression: the run fails at the first name to match."""
    source = document.get("sourceConfig")
    config = source.get("config") if isinstance(source, dict) else None
    for field, pattern in islice(_patterns(config), _MOST) if isinstance(config, dict) else ():
        if len(pattern) <= _LONGEST and not _is_regular(pattern):
            problem = "is not a regular expression, so the run fails at the first name that it is matched against"
            yield Problem(field, "pattern", problem, _WAY_OUT, WARNING)


def _patterns(config: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield the patterns of a source config with their fields."""
    for name, holder in config.items():
        if name.endswith(_SUFFIX) and isinstance(holder, dict):
            for side in ("includes", "excludes"):
                found = holder.get(side)
                for index, pattern in enumerate(found if isinstance(found, list) else ()):
                    if isinstance(pattern, str):
                        yield f"{FIELD}.{name}.{side}.{index}", pattern


def _is_regular(pattern: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of syntax whose meaning a later Python may change
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return False
    return True
