"""Pipelines as the page's data routes describe them: a dozen that look like life, and as many as a test wants."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

Row = dict[str, Any]

# A config in words: name, type, service, type of the service, schedule, hours to the next run, states of the last runs.
_DOZEN: list[tuple[str, str, str, str, str, float, str]] = [
    ("Sales metadata", "metadata", "sales_postgres", "Postgres", "At 03:00 AM", 4.1, "ssssssssss"),
    ("Sales lineage", "lineage", "sales_postgres", "Postgres", "At 04:30 AM", 5.6, "ssssfsssss"),
    ("Sales profiler", "profiler", "sales_postgres", "Postgres", "At 02:00 AM, only on Sunday", 38, "sssfffffff"),
    ("Sales quality tests", "TestSuite", "sales_postgres", "Postgres", "Every hour", 0.4, "sssssssssr"),
    ("Warehouse metadata", "metadata", "warehouse_snowflake", "Snowflake", "Every 6 hours", 2.2, "ssssssssss"),
    ("Warehouse usage", "usage", "warehouse_snowflake", "Snowflake", "At 01:15 AM", 2.4, "sfssssfsss"),
    ("Warehouse dbt", "dbt", "warehouse_snowflake", "Snowflake", "At 05:00 AM", 6.1, "ssssssssss"),
    ("Events topics", "metadata", "events_kafka", "Kafka", "Every 30 minutes", 0.2, "ssssssssss"),
    ("Finance dashboards", "metadata", "finance_superset", "Superset", "At 06:00 AM", 7.1, "sssssssssf"),
    ("HR metadata", "metadata", "hr_mysql", "Mysql", "At 02:30 AM", 3.6, ""),
    ("Marketing metadata", "metadata", "marketing_redshift", "Redshift", "on demand", 0, "sss"),
    ("Search index", "application", "OpenMetadata", "OpenMetadata", "At 12:00 AM", 1.1, "ssssssssss"),
]
_STATES = {"s": "success", "f": "failed", "r": "running"}


def dozen(now: datetime | None = None) -> list[Row]:
    """Return a dozen pipelines: one is broken, one runs its last good version, one has a warning, one is paused."""
    now = now or datetime.now(timezone.utc)
    rows = [_row(place, *each, now=now) for place, each in enumerate(_DOZEN)]
    by_id = {row["dag_id"]: row for row in rows}
    hr = by_id["hr_metadata"]
    hr["state"], hr["schedule"], hr["next_run"] = "broken", "on demand", None
    hr["problem"] = problem(
        "is missing. Write the name and type of the service, such as {name: hr_mysql, type: databaseService}.",
        "people/hr_metadata.yaml", 3, 1, "service",
    )  # fmt: skip
    finance = by_id["finance_dashboards"]
    finance["state"] = "last_good"
    finance["problem"] = problem(
        "'0 25 * * *' is not a cron expression: the hour is not in 0-23. Write such as '0 6 * * *'.",
        "finance_dashboards.json", 14, 24, "airflowConfig.scheduleInterval",
    )  # fmt: skip
    by_id["marketing_metadata"]["warnings"] = [
        problem(
            "is unknown and has no effect. Did you mean 'scheduleInterval'?",
            "marketing/metadata.yaml", 5, 3, "airflowConfig.scheduleInteval",
        )
    ]  # fmt: skip
    by_id["warehouse_usage"]["paused"] = True
    return rows


def many(count: int) -> list[Row]:
    """Return so many pipelines, every hundredth of which is broken."""
    now = datetime.now(timezone.utc)
    rows = []
    for place in range(count):
        row = _row(place, *_DOZEN[place % len(_DOZEN)], now=now)
        row["name"] = row["dag_id"] = f"pipeline_{place:05}"
        row["links"]["dag"] = f"../dags/{row['dag_id']}"
        if place % 100 == 0:
            row["state"], row["problem"] = (
                "broken",
                problem("is missing.", f"pipeline_{place:05}.json", 1, 1, "service"),
            )
        rows.append(row)
    return rows


def problem(text: str, file: str, line: int, column: int, field: str) -> dict[str, Any]:
    return {"text": text, "file": file, "line": line, "column": column, "field": field}


def _row(
    place: int,
    name: str,
    kind: str,
    service: str,
    service_type: str,
    schedule: str,
    hours: float,
    runs: str,
    *,
    now: datetime,
) -> Row:
    dag_id = name.lower().replace(" ", "_")
    history = [
        {
            "run_id": f"scheduled__{(now - timedelta(hours=24 * age)).strftime('%Y-%m-%dT03:00:00+00:00')}",
            "state": _STATES[state],
            "start": (now - timedelta(hours=24 * age - 2 - place)).isoformat(),
        }
        for age, state in zip(range(len(runs), 0, -1), runs, strict=True)
    ]
    last = history[-1] if history else None
    if last is not None and last["state"] == "running":
        last["start"] = (now - timedelta(minutes=4)).isoformat()
    is_failed = last is not None and last["state"] == "failed"
    ended = last is not None and last["state"] != "running"
    return {
        "dag_id": dag_id,
        "name": name,
        "state": "good",
        "problem": None,
        "warnings": [],
        "type": kind,
        "service": {"type": service_type, "name": service},
        "schedule": schedule,
        "next_run": (now + timedelta(hours=hours)).isoformat() if hours else None,
        "paused": False,
        "last_run": last
        and {
            **last,
            "end": now.isoformat() if ended else None,
            "seconds": round(7.3 * (place + 1) ** 2, 1) if ended else None,
            "records": 143 * (place + 3) ** 2 if ended else None,
            "warnings": place % 3 if ended else None,
            "errors": 2 if is_failed else 0 if ended else None,
            "reason": f"WorkflowError: {service} refuses the connection." if is_failed else None,
        },
        "history": history,
        "config": {
            "key": f"{dag_id}.json",
            "version": f"{(place + 11) * 0x9E3779B97F4A7C15 % 2**64:016x}",
            "changed_at": (now - timedelta(hours=5 + 31 * place)).isoformat(),
        },
        "owners": [["data-platform"], ["ana.silva"], ["finance", "bo.lind"]][place % 3],
        "links": {
            "dag": f"../dags/{dag_id}",
            "log": last and f"../dags/{dag_id}/runs/{last['run_id']}",
            "openmetadata": f"https://openmetadata.example/databaseServices/{service}.{dag_id}/logs",
        },
        "may": {"trigger": True, "edit": True},
    }
