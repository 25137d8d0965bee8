"""What openmetadata-managed-apis has left: three pipelines, of which one has a wrong schedule."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.managed_apis import KEPT, generated, keep

SCHEDULES: dict[str, dict[str, Any]] = {
    "orders": {"scheduleInterval": "0 3 * * *", "pipelineTimezone": "Europe/Berlin", "workflowTimeout": 7200},
    "people": {"scheduleInterval": "0 4 * * *", "retries": 2, "retryDelay": 60},
    "refunds": {"scheduleInterval": "every morning"},
}


@contextmanager
def world(folder: Path) -> Iterator[Mapping[str, str]]:
    document = json.loads((KEPT / "sqlite_metadata_daily.json").read_text())
    for name, schedule in SCHEDULES.items():
        airflow = {**document["airflowConfig"], **schedule}
        config = {**document, "name": name, "fullyQualifiedName": f"shop.{name}", "airflowConfig": airflow}
        keep(config, folder / "dag_generated_configs", folder / "dags")
    edited = folder / "dags" / "orders_edited.py"
    edited.write_text(f"{generated(folder / 'dag_generated_configs' / 'orders.json')}\ndag.tags.add('shop')\n")
    yield {"AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE": str(folder / "store")}
