"""
Writes what follows from the list of metrics: the table of docs/metrics.md, and the files in `monitoring/`.

    python -m tools.monitoring
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from dag_factory.reporting.metrics import DAG_ID, METRICS, OF_RUNS, Kind, Metric

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs" / "metrics.md"
MAPPING = ROOT / "monitoring" / "statsd-exporter.yml"
BOARD = ROOT / "monitoring" / "grafana.json"
ALERTS = ROOT / "monitoring" / "prometheus-alerts.yml"

AIRFLOW = "airflow"
"""Airflow's own prefix, by default."""

_BEGIN, _END = "<!-- metrics -->\n", "<!-- /metrics -->\n"
_MAPPING_HEAD = """\
# How the StatsD exporter of Prometheus (https://github.com/prometheus/statsd_exporter) is to read our metrics.
# Written by `python -m tools.monitoring`. Merge it with the mappings of Airflow's own metrics.
"""
_ALERTS_HEAD = """\
# Alerting rules for Prometheus, with the names of `statsd-exporter.yml`. Written by `python -m tools.monitoring`.
# Adapt how long each one waits; docs/metrics.md says what to think of.
"""


def table() -> str:
    """Return the table of all metrics, in Markdown."""
    head = "| metric | kind | tags | sent by | meaning |\n|---|---|---|---|---|\n"
    return head + "".join(
        f"| `{each.name}` | {each.kind.value} | {', '.join(f'`{tag}`' for tag in each.tags)} | {each.sender} "
        f"| {each.about} |\n"
        for each in METRICS
    )


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
    return _MAPPING_HEAD + yaml.safe_dump({"mappings": rules}, sort_keys=False, width=120)


def board() -> str:
    """Return the Grafana board, as JSON."""
    panels = [_panel(number, title, kind, queries, unit) for number, (title, kind, queries, unit) in enumerate(_PANELS)]
    document = {
        "title": "OpenMetadata pipelines",
        "uid": "openmetadata-dag-factory",
        "tags": ["airflow", "openmetadata"],
        "schemaVersion": 39,
        "time": {"from": "now-24h", "to": "now"},
        "refresh": "1m",
        "templating": {
            "list": [
                {"name": "source", "label": "Data source", "type": "datasource", "query": "prometheus"},
                {
                    "name": "type",
                    "label": "Pipeline type",
                    "type": "query",
                    "datasource": _SOURCE,
                    "query": "label_values(airflow_openmetadata_runs, type)",
                    "refresh": 2,
                    "includeAll": True,
                    "multi": True,
                    "allValue": ".*",
                },
            ]
        },
        "panels": panels,
    }
    return json.dumps(document, indent=2) + "\n"


def alerts() -> str:
    """Return the alerting rules for Prometheus."""
    rules = [
        {
            "alert": name,
            "expr": query,
            **({"for": lasts} if lasts else {}),
            "labels": {"severity": severity},
            "annotations": {"summary": summary, "description": description},
        }
        for name, query, lasts, severity, summary, description in _ALERTS
    ]
    groups = [{"name": "openmetadata-dag-factory", "rules": rules}]
    return _ALERTS_HEAD + yaml.safe_dump({"groups": groups}, sort_keys=False, width=120)


def with_table(text: str) -> str:
    """Return the page of metrics with the table as it is now."""
    before, _, rest = text.partition(_BEGIN)
    return f"{before}{_BEGIN}{table()}{_END}{rest.partition(_END)[2]}"


_SOURCE = {"type": "prometheus", "uid": "${source}"}
_OF_TYPE = '{type=~"$type"}'
_PER_ROW, _WIDTH, _HEIGHT = 3, 8, 8

# Title, kind of panel, queries by legend, unit.
_PANELS: tuple[tuple[str, str, dict[str, str], str], ...] = (
    ("Configs", "stat", {"{{state}}": "sum by (state) (airflow_openmetadata_configs)"}, "short"),
    (
        "Runs that failed or were lost, last hour",
        "stat",
        {"{{outcome}}": 'sum by (outcome) (increase(airflow_openmetadata_runs{outcome=~"failed|lost"}[1h]))'},
        "short",
    ),
    ("Reports that wait", "stat", {"{{process}}": "sum by (process) (airflow_openmetadata_reports_waiting)"}, "short"),
    (
        "Ended tries by outcome",
        "timeseries",
        {"{{outcome}}": f"sum by (outcome) (increase(airflow_openmetadata_runs{_OF_TYPE}[$__rate_interval]))"},
        "short",
    ),
    (
        "Ended tries by type",
        "timeseries",
        {"{{type}}": f"sum by (type) (increase(airflow_openmetadata_runs{_OF_TYPE}[$__rate_interval]))"},
        "short",
    ),
    (
        "Records",
        "timeseries",
        {"{{type}}": f"sum by (type) (increase(airflow_openmetadata_run_records{_OF_TYPE}[$__rate_interval]))"},
        "short",
    ),
    (
        "Warnings and errors of runs",
        "timeseries",
        {
            "warnings": f"sum(increase(airflow_openmetadata_run_warnings{_OF_TYPE}[$__rate_interval]))",
            "errors": f"sum(increase(airflow_openmetadata_run_errors{_OF_TYPE}[$__rate_interval]))",
        },
        "short",
    ),
    (
        "Average workflow, and time beside it",
        "timeseries",
        {
            "workflow": f"sum(increase(airflow_openmetadata_run_workflow_seconds_sum{_OF_TYPE}[1h])) / "
            f"sum(increase(airflow_openmetadata_run_workflow_seconds_count{_OF_TYPE}[1h]))",
            "beside it": f"sum(increase(airflow_openmetadata_run_overhead_seconds_sum{_OF_TYPE}[1h])) / "
            f"sum(increase(airflow_openmetadata_run_overhead_seconds_count{_OF_TYPE}[1h]))",
        },
        "s",
    ),
    (
        "Load of a loader: 95th percentile",
        "timeseries",
        {
            "load": "histogram_quantile(0.95, sum by (le) "
            "(increase(airflow_openmetadata_load_seconds_bucket[$__rate_interval])))"
        },
        "s",
    ),
    (
        "Deploys",
        "timeseries",
        {"{{outcome}}": "sum by (outcome) (increase(airflow_openmetadata_deploys[$__rate_interval]))"},
        "short",
    ),
    (
        "Refused calls",
        "timeseries",
        {"{{call}} {{reason}}": "sum by (call, reason) (increase(airflow_openmetadata_refusals[$__rate_interval]))"},
        "short",
    ),
    (
        "Differences to the OpenMetadata server",
        "timeseries",
        {"{{kind}}": "max by (kind) (airflow_openmetadata_differences)"},
        "short",
    ),
)

OF_AIRFLOW = frozenset({"airflow_dag_processor_heartbeat", "airflow_dag_processing_processor_timeouts"})
"""What the alerts ask of Airflow's own metrics, as the exporter names what no mapping names."""

_SEEN_LATELY = "sum by (shard) (increase(airflow_openmetadata_load_seconds_count[5h]))"
# Name, query, for how long it must hold, severity, summary, what to do.
_ALERTS: tuple[tuple[str, str, str, str, str, str], ...] = (
    (
        "OpenMetadataDagProcessorSilent",
        "sum(increase(airflow_dag_processor_heartbeat[10m])) == 0 "
        "or absent_over_time(airflow_dag_processor_heartbeat[10m])",
        "",
        "critical",
        "No DAG processor has sent a heartbeat for ten minutes",
        "Changed configs get no DAG. DAGs that are known go on running. Start the DAG processor, and see its log.",
    ),
    (
        "OpenMetadataParseEnded",
        "sum(increase(airflow_dag_processing_processor_timeouts[15m])) > 0",
        "",
        "critical",
        "Airflow has ended a parse that took too long",
        "If it was one of a loader, its DAGs are deactivated soon. Use more loaders: docs/loaders.md.",
    ),
    (
        "OpenMetadataPipelinesNotLoaded",
        "sum(increase(airflow_openmetadata_load_seconds_count[5h])) == 0 "
        "or absent_over_time(airflow_openmetadata_load_seconds_count[5h])",
        "",
        "critical",
        "No loader has been parsed for five hours",
        "The DAG processor does not run, or its parses are ended before they are done. Changed configs get no DAG, and "
        "Airflow deactivates the DAGs. Run `openmetadata-dag-factory doctor` on its machine.",
    ),
    (
        "OpenMetadataLoaderNotLoaded",
        f"{_SEEN_LATELY} == 0 and on (shard) sum by (shard) (airflow_openmetadata_configs) > 0",
        "15m",
        "warning",
        "Loader {{ $labels.shard }} has not been parsed for five hours, and others may have been",
        "After a change of the number of loaders, its series are old ones, and end with a restart of the exporter. "
        "Otherwise, see the DAG processor's log.",
    ),
    (
        "OpenMetadataLoadSlow",
        "histogram_quantile(0.95, sum by (le, shard) (increase(airflow_openmetadata_load_seconds_bucket[6h]))) > 10",
        "15m",
        "warning",
        "A load of loader {{ $labels.shard }} takes more than 10 s",
        "By default Airflow ends a load after 30 s, and then no DAG is left. Use more loaders: docs/loaders.md.",
    ),
    (
        "OpenMetadataConfigsBroken",
        'sum(airflow_openmetadata_configs{state="broken"}) > 0',
        "15m",
        "warning",
        "{{ $value }} configs are broken, and nothing runs for them",
        "`openmetadata-dag-factory list --state broken` and the page OpenMetadata in Airflow say why.",
    ),
    (
        "OpenMetadataConfigsOnLastGood",
        'sum(airflow_openmetadata_configs{state="last_good"}) > 0',
        "1h",
        "info",
        "{{ $value }} configs are broken, and their last good versions run",
        "`openmetadata-dag-factory list --state last_good` and the page OpenMetadata in Airflow say why.",
    ),
    (
        "OpenMetadataConfigsWaiting",
        'sum(airflow_openmetadata_configs{state="waiting"}) > 0',
        "30m",
        "warning",
        "{{ $value }} new configs have no DAG, since a load takes too long",
        "Use more loaders: docs/loaders.md.",
    ),
    (
        "OpenMetadataRunsLost",
        'sum(increase(airflow_openmetadata_runs{outcome="lost"}[1h])) > 0',
        "",
        "warning",
        "Runs ended without a report, such as by a worker's end",
        "Most often a worker had too little memory: see the logs of the runs.",
    ),
    (
        "OpenMetadataRunsFailing",
        'sum by (type) (increase(airflow_openmetadata_runs{outcome=~"failed|lost"}[1h])) '
        "/ sum by (type) (increase(airflow_openmetadata_runs[1h])) > 0.5",
        "30m",
        "warning",
        "More than half of the runs of type {{ $labels.type }} fail",
        "Is OpenMetadata up, and is the bot's token valid? `openmetadata-dag-factory doctor` asks it.",
    ),
    (
        "OpenMetadataReportsWaiting",
        "max(airflow_openmetadata_reports_waiting) > 100",
        "15m",
        "warning",
        "{{ $value }} outcomes of runs could not be reported to OpenMetadata",
        "Is OpenMetadata up? The logs of scheduler and API server say what it answers.",
    ),
    (
        "OpenMetadataDeploysRefused",
        'sum(increase(airflow_openmetadata_refusals{call="deploy",reason=~"unauthenticated|forbidden|unavailable"}[15m]))'
        " > 0",
        "",
        "warning",
        "Deploys of OpenMetadata are refused",
        "See to the password of its user in Airflow, what that user may do, or the config store. The API server's log "
        "says which.",
    ),
    (
        "OpenMetadataDiffers",
        "max by (kind) (airflow_openmetadata_differences) > 0",
        "2h",
        "info",
        "{{ $value }} pipelines differ from those of OpenMetadata ({{ $labels.kind }})",
        "`openmetadata-dag-factory diff` lists them, and `sync` deploys them again.",
    ),
)


def _panel(number: int, title: str, kind: str, queries: dict[str, str], unit: str) -> dict[str, Any]:
    row, column = divmod(number, _PER_ROW)
    return {
        "id": number + 1,
        "title": title,
        "type": kind,
        "datasource": _SOURCE,
        "gridPos": {"x": column * _WIDTH, "y": row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + at), "expr": query, "legendFormat": legend, "datasource": _SOURCE}
            for at, (legend, query) in enumerate(queries.items())
        ],
    }


def main() -> None:
    """Write the files."""
    MAPPING.parent.mkdir(exist_ok=True)
    MAPPING.write_text(mapping())
    BOARD.write_text(board())
    ALERTS.write_text(alerts())
    DOCS.write_text(with_table(DOCS.read_text()))


if __name__ == "__main__":
    main()
