"""What is documented of the metrics, the exporter's mapping and the Grafana board follow from the list of metrics."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from typing import Any

import pytest
import yaml

from dag_factory.reporting.metrics import DAG_ID, METRICS, OF_RUNS, Kind, Metric, plain_name
from tools import monitoring
from tools.monitoring import AIRFLOW, BOARD, DOCS, MAPPING, prometheus_name

RULES: list[dict[str, Any]] = yaml.safe_load(MAPPING.read_text())["mappings"]


def mapped(name: str) -> tuple[str, dict[str, str]]:
    """Return name and labels in Prometheus of a name that StatsD gets, as the exporter maps it."""
    parts = name.split(".")
    matching = [
        rule
        for rule in RULES
        if len(each := rule["match"].split(".")) == len(parts)
        and all(fnmatchcase(part, pattern) for part, pattern in zip(parts, each, strict=True))
    ]
    (rule,) = matching
    values = [part for part, pattern in zip(parts, rule["match"].split("."), strict=True) if pattern == "*"]
    labels = {label: values[int(value[1:]) - 1] for label, value in rule.get("labels", {}).items()}
    return rule["name"], labels


def test_what_is_written_is_what_follows_from_the_metrics() -> None:
    again = "Run: python -m tools.monitoring"
    assert MAPPING.read_text() == monitoring.mapping(), again
    assert BOARD.read_text() == monitoring.board(), again
    assert DOCS.read_text() == monitoring.with_table(DOCS.read_text()), again


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_the_mapping_makes_labels_of_what_follows_a_name(metric: Metric) -> None:
    tags = {tag: f"value_of_{tag}" for tag in metric.tags}
    assert mapped(f"{AIRFLOW}.{plain_name(metric.of(1, **tags))}") == (prometheus_name(metric), tags)
    assert mapped(f"{AIRFLOW}.{metric.name}") == (prometheus_name(metric), {})
    if metric in OF_RUNS:
        more = {**tags, DAG_ID: "orders"}
        assert mapped(f"{AIRFLOW}.{plain_name(metric.of(1, **more))}") == (prometheus_name(metric), more)


def test_the_board_asks_for_metrics_and_labels_that_are_sent() -> None:
    series: dict[str, set[str]] = {}
    for metric in METRICS:
        endings = ["_sum", "_count", "_bucket"] if metric.kind is Kind.TIMER else [""]
        for ending in endings:
            series[f"{prometheus_name(metric)}{ending}"] = {*metric.tags, *(["le"] if ending == "_bucket" else [])}
    board = json.loads(BOARD.read_text())
    queries = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    asked: set[str] = set()
    for query in queries:
        names = set(re.findall(r"\bairflow_\w+", query))
        assert names, query
        assert names <= series.keys(), query
        labels = {label.strip() for group in re.findall(r"by \(([^)]*)\)", query) for label in group.split(",")} | set(
            re.findall(r"[{,]\s*(\w+)\s*[=!]~?", query)
        )
        assert all(labels <= series[name] for name in names), query
        assert query.count("(") == query.count(")")
        asked |= names
    # Each metric has a panel.
    assert all(any(name.startswith(prometheus_name(metric)) for name in asked) for metric in METRICS)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]
    assert len(set(places)) == len(places)
