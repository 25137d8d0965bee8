"""How the StatsD exporter of Prometheus is to read our metrics."""

from __future__ import annotations

from typing import Any

import yaml

from dag_factory.reporting.metrics import DAG_ID, METRICS, OF_RUNS, Kind, Metric

AIRFLOW = "airflow"
"""Airflow's own prefix, by default."""

_HEAD = """\
# How the StatsD exporter of Prometheus (https://github.com/prometheus/statsd_exporter) is to read our metrics.
# Written by `python -m tools.monitoring`. Merge it with the mappings of Airflow's own metrics.
"""


def prometheus_name(metric: Metric) -> str:
    """Return the name of a metric after the mapping. The exporter turns the milliseconds of timers into seconds."""
    name = f"{AIRFLOW}.{metric.name}".replace(".", "_")
    return f"{name}_seconds" if metric.kind is Kind.TIMER else name


def mapping() -> str:
    """Return the exporter's configuration: with the values of tags in the names, and with tags."""
    rules: list[dict[str, Any]] = []
    for metric in METRICS:
        options: dict[str, Any] = {"observer_type": "histogram"} if metric.kind is Kind.TIMER else {}
        forms = [metric.tags, (*metric.tags, DAG_ID)] if metric in OF_RUNS else [metric.tags]
        for tags in forms:
            labels = {tag: f"${number}" for number, tag in enumerate(tags, start=1)}
            match = ".".join([AIRFLOW, metric.name, *("*" for _ in tags)])
            rules.append({"match": match, "name": prometheus_name(metric), "labels": labels, **options})
        # With [metrics] statsd_influxdb_enabled, the exporter has taken the tags off the name already.
        rules.append({"match": f"{AIRFLOW}.{metric.name}", "name": prometheus_name(metric), **options})
    # The rules with an asterisk match names of one length only, so their order does not matter.
    return _HEAD + yaml.safe_dump({"mappings": rules}, sort_keys=False, width=120)
