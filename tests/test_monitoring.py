"""What is documented of the metrics, the exporter's mapping and the Grafana board follow from the list of metrics."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from fnmatch import fnmatchcase
from typing import Any

import pytest
import yaml

from dag_factory.reporting.metrics import DAG_ID, METRICS, OF_RUNS, Kind, Metric, plain_name
from tools.monitoring.__main__ import ALERTS, BOARD, DOCS, MAPPING, texts
from tools.monitoring.exporter import AIRFLOW, prometheus_name
from tools.monitoring.prometheus import OF_AIRFLOW

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
    for path, text in texts().items():
        assert path.read_text() == text, f"{path.name} is out of date. Run: python -m tools.monitoring"


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_the_mapping_makes_labels_of_what_follows_a_name(metric: Metric) -> None:
    tags = {tag: f"value_of_{tag}" for tag in metric.tags}
    assert mapped(f"{AIRFLOW}.{plain_name(metric.of(1, **tags))}") == (prometheus_name(metric), tags)
    assert mapped(f"{AIRFLOW}.{metric.name}") == (prometheus_name(metric), {})
    if metric in OF_RUNS:
        more = {**tags, DAG_ID: "orders"}
        assert mapped(f"{AIRFLOW}.{plain_name(metric.of(1, **more))}") == (prometheus_name(metric), more)


def series() -> dict[str, set[str]]:
    """Return the labels of each series that Prometheus gets, by its name."""
    found: dict[str, set[str]] = {name: set() for name in OF_AIRFLOW}
    for metric in METRICS:
        endings = ["_sum", "_count", "_bucket"] if metric.kind is Kind.TIMER else [""]
        for ending in endings:
            found[f"{prometheus_name(metric)}{ending}"] = {*metric.tags, *(["le"] if ending == "_bucket" else [])}
    return found


def names_in(query: str) -> set[str]:
    """Return the names of the series that a query asks for, each of which must be sent, with its labels."""
    sent = series()
    names = set(re.findall(r"\bairflow_\w+", query))
    assert names, query
    assert names <= sent.keys(), query
    labels = {label.strip() for group in re.findall(r"(?:by|on) \(([^)]*)\)", query) for label in group.split(",")}
    labels |= set(re.findall(r"[{,]\s*(\w+)\s*[=!]~?", query))
    assert all(labels <= sent[name] | {"le"} for name in names), query
    assert query.count("(") == query.count(")")
    return names


def test_the_board_asks_for_metrics_and_labels_that_are_sent() -> None:
    board = json.loads(BOARD.read_text())
    asked: set[str] = set()
    for panel in board["panels"]:
        for target in panel["targets"]:
            asked |= names_in(target["expr"])
    # Each metric has a panel.
    assert all(any(name.startswith(prometheus_name(metric)) for name in asked) for metric in METRICS)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]
    assert len(set(places)) == len(places)


def test_the_alerts_ask_for_metrics_labels_and_values_that_are_sent_and_say_what_to_do() -> None:
    values = {value for metric in METRICS for value in re.findall(r"`(\w+)`", metric.about)}
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    names = [rule["alert"] for rule in group["rules"]]
    assert len(names) == len(set(names))
    for rule in group["rules"]:
        assert set(rule) - {"for"} == {"alert", "expr", "labels", "annotations"}
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert re.fullmatch(r"\d+[mh]", rule.get("for", "1m"))
        names_in(rule["expr"])
        for label, matched in re.findall(r'(\w+)=~?"([^"]*)"', rule["expr"]):
            assert label == "call" or set(matched.split("|")) <= values, rule["expr"]
        # Labels that a text names are those that the query keeps.
        texts = " ".join(rule["annotations"].values())
        kept = {label.strip() for each in re.findall(r"by \(([^)]*)\)", rule["expr"]) for label in each.split(",")}
        assert set(re.findall(r"\$labels\.(\w+)", texts)) <= kept, texts
        assert rule["annotations"].keys() == {"summary", "description"}


def test_the_page_names_each_alert() -> None:
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    page = DOCS.read_text()
    assert [rule["alert"] for rule in group["rules"] if f"`{rule['alert']}`" not in page] == []


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is missing: Debian's package prometheus has it")
def test_prometheus_takes_the_alerts() -> None:
    subprocess.run(["promtool", "check", "rules", str(ALERTS)], check=True, capture_output=True)
