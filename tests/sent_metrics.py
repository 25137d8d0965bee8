"""What a process that has set up Airflow's metrics sends of them. Apart from what receives them: it imports Airflow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.airflow_versions import end_metrics, set_up_metrics
from tests.metrics_receivers import StatsdReceiver


@contextmanager
def sent_from(monkeypatch: pytest.MonkeyPatch, package: str) -> Iterator[StatsdReceiver]:
    """
    Yield what a StatsD server receives of this process's metrics.

    :param package: which of Airflow's packages sets them up: ``airflow`` in the scheduler, ``airflow.sdk`` in a task
    """
    with StatsdReceiver() as receiver:
        monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "True")
        monkeypatch.setenv("AIRFLOW__METRICS__STATSD_HOST", "127.0.0.1")
        monkeypatch.setenv("AIRFLOW__METRICS__STATSD_PORT", str(receiver.port))
        set_up_metrics(package, legacy_names=False)
        yield receiver
        end_metrics(package)
