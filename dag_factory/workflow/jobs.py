"""What ingestion code can be asked to do: jobs, by their kind, in the form that JSON carries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dag_factory.workflow.automation import report_automation_failed, run_automation
from dag_factory.workflow.run import Job, PipelineRun

RUN = "run"
AUTOMATION = "automation"
AUTOMATION_FAILED = "automation_failed"


def execute(kind: str, job: dict[str, Any], *, on_secret: Callable[[str], None]) -> Any:
    """
    Do a job and return its result, which JSON can carry as well.

    :param kind: ``run`` of a pipeline (the fields of a `Job`), ``automation`` (``document``), or ``automation_failed``
        (``document``, ``problem``), for one that could not say so itself
    :param on_secret: is told every secret that a server hands out, before it is used
    """
    if kind == RUN:
        return PipelineRun(Job(**job), on_secret=on_secret).execute()
    if kind == AUTOMATION:
        return run_automation(**job, on_secret=on_secret)
    if kind == AUTOMATION_FAILED:
        return report_automation_failed(**job)
    raise ValueError(f"there is no job of the kind '{kind}'")
