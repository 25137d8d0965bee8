"""A board for Grafana, with the names that the exporter gives."""

from __future__ import annotations

import json
from typing import Any

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
