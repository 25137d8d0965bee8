"""The orders that a child can execute: each has a kind, and arguments in the form of JSON."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dag_factory.portable.ingestion.automation import report_automation_failed, run_automation
from dag_factory.portable.ingestion.run import PipelineRun, PreparedRun, RunOutcome, report_run

RUN = "run"
REPORT = "report"
AUTOMATION = "automation"
AUTOMATION_FAILED = "automation_failed"


def execute(
    kind: str, arguments: dict[str, Any], *, on_secret: Callable[[str], None], on_folder: Callable[[Path], object]
) -> Any:
    """
    Execute an order and return its result, in the form of JSON.

    :param kind: ``run`` of a pipeline (the fields of a `PreparedRun`; returns those of a `RunOutcome`), ``automation``
        (``document``, ``allowed_applications``), or, where the process itself can't report, ``report`` of a run
        (``document``, ``pipeline_fqn``, ``run_id``, ``report``), ``automation_failed`` (``document``, ``problem``)
    :param on_secret: called with every secret from a server, before it is used
    :param on_folder: called with every folder that is to be removed after the order, even if this process is killed
    """
    if kind == RUN:
        return asdict(_run(PipelineRun(PreparedRun(**arguments), on_secret=on_secret, on_folder=on_folder)))
    if kind == REPORT:
        return report_run(**arguments)
    if kind == AUTOMATION:
        return run_automation(**arguments, on_secret=on_secret)
    if kind == AUTOMATION_FAILED:
        return report_automation_failed(**arguments)
    raise ValueError(f"an order of the kind '{kind}' is unknown")


def _run(run: PipelineRun) -> RunOutcome:
    """Run a pipeline in a child. On SIGTERM the child itself reports that, since its client can read any token."""

    def report_and_end(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        run.remove_staged()
        run.report_stopped()
        os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, report_and_end)
    return run.execute()
