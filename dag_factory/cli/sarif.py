"""Findings in SARIF 2.1.0, the format of OASIS for what static analysis finds."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from dag_factory import __version__
from dag_factory.configs.problem import Problem
from dag_factory.store.findings import Findings

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
# Of the kinds of problems, in words. A kind that is missing here is its own description.
_RULES = {
    "effect": "A field or a file has no effect",
    "missing": "A field is missing",
    "misplaced": "A field is in the wrong place",
    "not_read": "A file looks like a config and is not read",
    "spelling": "A field is misspelt",
    "unreadable": "A file can't be read",
}


def log_of(found: Findings) -> dict[str, Any]:
    """Return a SARIF log with one run. Each kind of problem is a rule; a file is named by its path, or its address."""
    kinds = sorted({problem.kind for problem in found.problems})
    driver = {
        "name": "openmetadata-dag-factory",
        "version": __version__,
        "rules": [{"id": kind, "shortDescription": {"text": _described(kind)}} for kind in kinds],
    }
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_result(problem, kinds.index(problem.kind)) for problem in found.problems],
            }
        ],
    }


def _result(problem: Problem, rule: int) -> dict[str, Any]:
    # Readers such as GitHub's ask for a line.
    region = {"startLine": problem.line or 1, **({"startColumn": problem.column} if problem.column else {})}
    place = {"artifactLocation": {"uri": _uri(problem.config or "")}, "region": region}
    return {
        "ruleId": problem.kind,
        "ruleIndex": rule,
        "level": problem.level,
        "message": {"text": problem.sentence},
        "locations": [{"physicalLocation": place}],
    }


def _described(kind: str) -> str:
    return _RULES.get(kind, kind.replace("_", " "))


def _uri(file: str) -> str:
    """Return a path as a URI: a relative one stays relative, so that it is found in any checkout."""
    path = PurePath(file)
    return f"file://{quote(str(path))}" if path.is_absolute() else quote(path.as_posix())
