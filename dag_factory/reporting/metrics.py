"""
What this package measures: every metric by its name, and how they are sent through Airflow's own metrics.

Airflow sends to StatsD, Datadog or OpenTelemetry, as its section ``[metrics]`` says. StatsD itself knows no tags: there
the values of a metric's tags follow its name, in the order in which they stand here. A metric that can't be sent never
fails what it measures.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any, NamedTuple

from dag_factory.settings import airflow_settings, airflow_versions
from dag_factory.settings.airflow_settings import MetricsBackend

log = logging.getLogger(__name__)

PREFIX = "openmetadata"
DAG_ID = "dag_id"
"""A tag of the metrics of runs, where the setting ``metrics_dag_id`` asks for it."""

PARSE_SECONDS = 1.0
"""For how long a parse waits for its metrics: an address that can't be resolved must not stop it."""

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]")
# Where Airflow has what sends a process's metrics at its end, by version.
_OTEL_LOGGERS = ("airflow._shared.observability.metrics.otel_logger", "airflow.metrics.otel_logger")


class Kind(str, Enum):
    """What can be done with a metric's values."""

    COUNTER = "counter"
    GAUGE = "gauge"
    TIMER = "timer"


class Sample(NamedTuple):
    """One value of a metric, with the values of its tags."""

    metric: Metric
    value: float | timedelta
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Metric:
    """
    A metric.

    :param name: after Airflow's own prefix, which is ``airflow`` unless a setting says otherwise
    :param tags: in the order in which their values follow the name where there are no tags
    :param sender: the processes of Airflow that send it
    :param about: what it says, for the documentation
    """

    name: str
    kind: Kind
    tags: tuple[str, ...]
    sender: str
    about: str

    def of(self, value: float | timedelta, **tags: str) -> Sample:
        """Return a sample: a number, for a timer a duration, for a counter what is added to it."""
        return Sample(self, value, tags)


_WORKER, _API, _PROCESSOR = "worker", "API server", "DAG processor"
# The processes that report runs whose task can't.
_REPORTERS = "scheduler, API server"

CONFIGS = Metric(
    f"{PREFIX}.configs",
    Kind.GAUGE,
    ("state", "shard"),
    _PROCESSOR,
    "Configs by state, as the last load of a loader found them: `good`, `last_good` (broken, and its last good version "
    "runs), `broken` (nothing runs), `waiting` (new, and left out for lack of time)",
)
LOAD = Metric(
    f"{PREFIX}.load",
    Kind.TIMER,
    ("shard",),
    _PROCESSOR,
    "Time of a load: from the listing of the store until all DAGs of a loader are built",
)
DEPLOYS = Metric(
    f"{PREFIX}.deploys",
    Kind.COUNTER,
    ("outcome",),
    _API,
    "Deploys that were accepted: `changed`, or `unchanged` where the store had the same config already",
)
REFUSALS = Metric(
    f"{PREFIX}.refusals",
    Kind.COUNTER,
    ("call", "reason"),
    _API,
    "Calls of an OpenMetadata server that got an error: `invalid`, `unauthenticated`, `forbidden`, `unknown`, "
    "`conflict`, `too_large`, `too_many`, `unsupported`, `unavailable`, or `error` for all others",
)
RUNS = Metric(
    f"{PREFIX}.runs",
    Kind.COUNTER,
    ("type", "outcome"),
    f"{_WORKER}, {_REPORTERS}",
    "Tries of runs that ended, by pipeline type: `success`, `partialSuccess`, `failed`, `retried` (failed, and Airflow "
    "retries it), `stopped` (a user ended it), `lost` (its process ended without a report). Type `broken`: the config "
    "can't run",
)
RECORDS = Metric(
    f"{PREFIX}.run.records",
    Kind.COUNTER,
    ("type",),
    _WORKER,
    "Records of runs: each step of a workflow counts them again, so only the largest count is sent",
)
WARNINGS = Metric(f"{PREFIX}.run.warnings", Kind.COUNTER, ("type",), _WORKER, "Warnings of runs, of all steps together")
ERRORS = Metric(f"{PREFIX}.run.errors", Kind.COUNTER, ("type",), _WORKER, "Errors of runs, of all steps together")
WORKFLOW = Metric(
    f"{PREFIX}.run.workflow", Kind.TIMER, ("type",), _WORKER, "Time that workflows of openmetadata-ingestion take"
)
OVERHEAD = Metric(
    f"{PREFIX}.run.overhead",
    Kind.TIMER,
    ("type",),
    _WORKER,
    "Time of a task besides its workflow: reading the config, checking the server, reporting",
)
REPORTS_WAITING = Metric(
    f"{PREFIX}.reports.waiting",
    Kind.GAUGE,
    ("process",),
    _REPORTERS,
    "Outcomes of runs that wait to be reported to an OpenMetadata server",
)
DIFFERENCES = Metric(
    f"{PREFIX}.differences",
    Kind.GAUGE,
    ("kind",),
    _API,
    "Pipelines in which server and store differ, as the last check of `check_server_minutes` found them: "
    "`only_on_server`, `only_here`, `older_here`",
)

METRICS = (
    CONFIGS, LOAD, DEPLOYS, REFUSALS, RUNS, RECORDS, WARNINGS, ERRORS, WORKFLOW, OVERHEAD, REPORTS_WAITING, DIFFERENCES,
)  # fmt: skip

OF_RUNS = frozenset({RUNS, RECORDS, WARNINGS, ERRORS, WORKFLOW, OVERHEAD})
"""Those that get the tag `DAG_ID` where a setting asks for it."""


def send(samples: Iterable[Sample], *, from_task: bool = False) -> None:
    """
    Send samples, where Airflow is set to send metrics. Never fails.

    :param from_task: whether this is the process of a task, which has metrics of its own in Airflow
    """
    backend = _backend()
    if backend is MetricsBackend.OFF:
        return
    try:
        stats = airflow_versions.stats(of_task=from_task)
        for sample in samples:
            _send(stats, sample, has_tags=backend is not MetricsBackend.WITHOUT_TAGS)
    except Exception as error:  # noqa: BLE001 - what is measured goes on, whatever is wrong with the metrics
        log.warning("Metrics can't be sent: %s", type(error).__name__)


def send_from_parse(samples: Iterable[Sample], *, seconds: float = PARSE_SECONDS) -> None:
    """
    Send samples from a process that Airflow's DAG processor has forked for one parse. Never fails.

    Airflow would send them when that process ends, and wait for a collector that does not answer, while the next parse
    waits too. So they are sent now, within a limit of time, and what is not sent by then is lost.
    """
    if _backend() is MetricsBackend.OFF:
        return
    found = list(samples)

    def work() -> None:
        send(found)
        if (flush := _flush_of_otel()) is not None:
            flush()

    thread = threading.Thread(target=work, name="openmetadata-metrics", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        log.warning("The metrics of this parse could not be sent within %.0f s. Is their collector up?", seconds)
    if (flush := _flush_of_otel()) is not None:
        _forget_at_exit(flush)


def plain_name(sample: Sample) -> str:
    """Return the name of a sample where there are no tags: their values follow, each as one part."""
    values = [sample.tags[tag] for tag in (*sample.metric.tags, DAG_ID) if tag in sample.tags]
    return ".".join([sample.metric.name, *(_NOT_IN_A_NAME.sub("_", value) or "_" for value in values)])


def _backend() -> MetricsBackend:
    try:
        return airflow_settings.metrics_backend()
    except Exception as error:  # noqa: BLE001 - a setting that is neither true nor false, which Airflow reports itself
        log.warning("Where metrics are to be sent is unknown: %s", type(error).__name__)
        return MetricsBackend.OFF


def _send(stats: Any, sample: Sample, *, has_tags: bool) -> None:
    name = sample.metric.name if has_tags else plain_name(sample)
    options: dict[str, Any] = {}
    if has_tags:
        # Such as a DAG id with a comma, which would begin another tag.
        options["tags"] = {tag: _NOT_IN_A_NAME.sub("_", value) for tag, value in sample.tags.items()}
    if sample.metric.kind is Kind.TIMER:
        stats.timing(name, sample.value, **options)
    elif sample.metric.kind is Kind.GAUGE:
        stats.gauge(name, sample.value, **options)
    else:
        stats.incr(name, sample.value, **options)


def _flush_of_otel() -> Any | None:
    """Return the function that sends what OpenTelemetry has gathered, None where it has not been used."""
    for name in _OTEL_LOGGERS:
        flush = getattr(sys.modules.get(name), "flush_otel_metrics", None)
        if flush is not None:
            return flush
    return None


def _forget_at_exit(flush: Any) -> None:
    import atexit

    atexit.unregister(flush)
