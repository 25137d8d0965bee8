"""What ingestion code can be asked to do: jobs, by their kind, in the form that JSON carries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dag_factory.workflow.run import Job, PipelineRun, Summary

RUN = "run"


def execute(kind: str, job: dict[str, Any], *, on_secret: Callable[[str], None]) -> Any:
    """
    Do a job and return its result, which JSON can carry as well.

    :param kind: one of `KINDS`
    :param on_secret: is told every secret that a server hands out, before it is used
    """
    return KINDS[kind](job, on_secret)


def _run(job: dict[str, Any], on_secret: Callable[[str], None]) -> Summary:
    return PipelineRun(Job(**job), on_secret=on_secret).execute()


KINDS: dict[str, Callable[[dict[str, Any], Callable[[str], None]], Any]] = {RUN: _run}
