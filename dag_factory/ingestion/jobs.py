"""What ingestion code can be asked to do: jobs, by their kind, in the form that JSON carries."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from dag_factory.ingestion.automation import report_automation_failed, run_automation
from dag_factory.ingestion.run import End, Job, PipelineRun, report_run

RUN = "run"
REPORT = "report"
AUTOMATION = "automation"
AUTOMATION_FAILED = "automation_failed"


def execute(kind: str, job: dict[str, Any], *, on_secret: Callable[[str], None]) -> Any:
    """
    Do a job and return its result, which JSON can carry as well.

    :param kind: ``run`` of a pipeline (the fields of a `Job`), ``automation`` (``document``,
        ``allowed_applications``), or, for one that could not say so itself, ``report`` of a run (``document``,
        ``pipeline_fqn``, ``run_id``, ``report``), ``automation_failed`` (``document``, ``problem``)
    :param on_secret: gets every secret that a server hands out, before it is used
    """
    if kind == RUN:
        return _run(PipelineRun(Job(**job), on_secret=on_secret))
    if kind == REPORT:
        return report_run(**job)
    if kind == AUTOMATION:
        return run_automation(**job, on_secret=on_secret)
    if kind == AUTOMATION_FAILED:
        return report_automation_failed(**job)
    raise ValueError(f"a job of the kind '{kind}' is unknown")


def _run(run: PipelineRun) -> End:
    """Run a pipeline in a child's process, which reports itself that it is asked to end: it can read any token."""

    def report_and_end(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        run.report_stopped()
        os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, report_and_end)
    return run.execute()
