"""What a run has counted: records, warnings and errors; and where a failed one leaves that, and why it has failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

Failure = TypeVar("Failure", bound=BaseException)

COUNTS_XCOM = "openmetadata_counts"
"""The XCom by which a task that fails says what its workflow has counted; one that succeeds returns it."""

REASON_XCOM = "openmetadata_failure"
"""The XCom by which a task that fails says why, in one line without secrets."""

_SUMMARY = "summary"


class Counts(NamedTuple):
    """
    What a run has counted.

    :param records: those of the step that has handled the most, since each record passes several steps
    """

    records: int
    warnings: int
    errors: int


def total(summary: object) -> Counts | None:
    """
    Return what a workflow's steps have counted together, None where nothing was counted.

    :param summary: counts by name, by step; what Airflow's database has as such may be anything
    """
    if not isinstance(summary, Mapping):
        return None
    steps = [step for step in summary.values() if isinstance(step, Mapping)]
    if not steps:
        return None
    records = max(_number(step, "records") + _number(step, "updated_records") for step in steps)
    return Counts(records, *(sum(_number(step, name) for step in steps) for name in ("warnings", "errors")))


def _number(step: Mapping[object, object], name: str) -> int:
    count = step.get(name)
    return count if isinstance(count, int) and count > 0 else 0


def with_summary(failure: Failure, summary: Mapping[str, Any] | None) -> Failure:
    """Return an exception that also says what the workflow's steps had counted when it failed."""
    if summary is not None:
        vars(failure)[_SUMMARY] = summary
    return failure


def summary_of(failure: BaseException) -> Mapping[str, Any] | None:
    """Return what the workflow's steps had counted, None where the failure does not say it."""
    return vars(failure).get(_SUMMARY)
