"""A dozen pipelines of several types, so that lists and pages of the sandbox look as in daily life; one is broken."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import uuid4

from sandbox.client import FINAL_RUN_STATES
from sandbox.pipeline_service import PipelineServiceClient, PipelineServiceError
from sandbox.server import OpenMetadataServer

HERE = Path(__file__).parent
PIPELINES = HERE / "pipelines"
APPLICATIONS = HERE / "applications"
DBT_MANIFEST = HERE / "dbt" / "manifest.json"
# A folder of the config store, so that what a user drops beside it is told apart.
FOLDER = "sandbox"
RUNS = (
    "shop_lineage", "shop_profiler", "shop_orders_quality", "shop_dbt", "table_counter", "warehouse_usage",
)  # fmt: skip
"""What runs once, in this order; the last one fails."""

ORDERS = "sample_sqlite.default.main.orders"
TEST_CASES: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    ("enough_orders", "tableRowCountToBeBetween", "", {"minValue": "100"}),
    ("known_customer", "columnValuesToBeNotNull", "::columns::customer_id", {}),
    ("every_order_has_a_note", "columnValuesToBeNotNull", "::columns::note", {}),
)


def plant(store: Path) -> None:
    """Copy the pipelines into a config store, once: what a user has changed or removed there stays so."""
    if not (store / FOLDER).exists():
        shutil.copytree(PIPELINES, store / FOLDER)


def create_entities(server: OpenMetadataServer) -> None:
    """Create what pipelines need at the server besides tables: test cases, and the service of applications."""
    server.put("/api/v1/services/metadataServices", {"name": "OpenMetadata", "serviceType": "OpenMetadata"})
    for name, definition, place, parameters in TEST_CASES:
        case: dict[str, Any] = {"name": name, "testDefinition": definition}
        case["entityLink"] = f"<#E::table::{ORDERS}{place}>"
        case["parameterValues"] = [{"name": each, "value": value} for each, value in parameters.items()]
        server.put("/api/v1/dataQuality/testCases", case)


class Runs:
    """Runs of pipelines, one after the other: two cores are enough for them."""

    def __init__(self, client: PipelineServiceClient, names: Iterable[str] = RUNS) -> None:
        self._client = client
        self._waiting = deque(names)
        self._name = ""
        self._run_id = ""

    def step(self) -> str | None:
        """Return the outcome of the run that has ended since the last call, None otherwise; start the next one."""
        try:
            if self._name:
                return self._outcome()
            if self._waiting:
                self._name, self._run_id = self._waiting.popleft(), str(uuid4())
                self._client.trigger(self._name, {"pipelineRunId": self._run_id})
        except PipelineServiceError as error:
            failed, self._name = self._name, ""
            return f"{failed}: {error}"
        return None

    def _outcome(self) -> str | None:
        runs = self._client.status(self._name)
        states = (run["pipelineState"] for run in runs if run["runId"] == self._run_id)
        state = next((each for each in states if each in FINAL_RUN_STATES), None)
        if state is None:
            return None
        ended, self._name = self._name, ""
        return f"{ended}: {state}"
