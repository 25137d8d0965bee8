"""Alerting rules for Prometheus, with the names that the exporter gives."""

from __future__ import annotations

import yaml

OF_AIRFLOW = frozenset({"airflow_dag_processor_heartbeat", "airflow_dag_processing_processor_timeouts"})
"""What the alerts ask of Airflow's own metrics, as the exporter names what no mapping names."""

_HEAD = """\
# Alerting rules for Prometheus, with the names of `statsd-exporter.yml`. Written by `python -m tools.monitoring`.
# Adapt how long each one waits; docs/metrics.md says what to think of.
"""

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
    return _HEAD + yaml.safe_dump({"groups": groups}, sort_keys=False, width=120)
