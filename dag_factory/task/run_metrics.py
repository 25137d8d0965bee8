"""The metrics of one try of a run, sent from its task when it ends."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

from dag_factory.reporting import metrics
from dag_factory.reporting.run_tags import UNKNOWN, run_tags


class RunMetrics:
    """
    Measures one try, and sends its metrics. Nothing here raises.

    :param dag_id: of the run
    """

    def __init__(self, dag_id: str) -> None:
        self._dag_id = dag_id
        self._began = time.monotonic()
        self._workflow_seconds: float | None = None
        self.type = UNKNOWN
        """The pipeline's type, once it is known."""

    @contextmanager
    def workflow(self) -> Iterator[None]:
        """Measure a workflow, however it ends."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._workflow_seconds = time.monotonic() - began

    def send(self, outcome: str, summary: Mapping[str, Mapping[str, int]] | None = None) -> None:
        """
        Send how long this try took, and the counts of its workflow.

        :param outcome: as `dag_factory.reporting.metrics.RUNS` names it
        :param summary: the counts of each step of the workflow, None where it did not come to its end
        """
        tags = run_tags(self._dag_id, self.type)
        samples = [metrics.RUNS.of(1, outcome=outcome, **tags)]
        if self._workflow_seconds is not None:
            beside = max(time.monotonic() - self._began - self._workflow_seconds, 0)
            samples += [
                metrics.WORKFLOW.of(timedelta(seconds=self._workflow_seconds), **tags),
                metrics.OVERHEAD.of(timedelta(seconds=beside), **tags),
            ]
        if summary is not None:
            steps = summary.values()
            samples += [
                # Each step counts the same records again.
                metrics.RECORDS.of(max((step.get("records", 0) for step in steps), default=0), **tags),
                metrics.WARNINGS.of(sum(step.get("warnings", 0) for step in steps), **tags),
                metrics.ERRORS.of(sum(step.get("errors", 0) for step in steps), **tags),
            ]
        metrics.send(samples, from_task=True)
