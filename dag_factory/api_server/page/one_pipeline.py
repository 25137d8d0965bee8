"""What the page of one pipeline shows beyond its row in the table."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from dag_factory.api_server.api.rest import Caller, dag_path
from dag_factory.api_server.page.dag_docs import with_docs
from dag_factory.api_server.page.rows import Row
from dag_factory.portable.openmetadata.pipeline_types import PIPELINE_TYPES
from dag_factory.store.config_version import CONFIG_XCOM

_PIPELINE_LINK = "_link_openmetadata_pipeline"


async def with_details(visitor: Caller, found: Row) -> Row:
    """Return a row with what the DAG's docs say, and what the last run's task has left."""
    return await _with_left(visitor, with_docs(found, await _docs(visitor, found["dag_id"])))


async def _docs(visitor: Caller, dag_id: str) -> str:
    answer = await visitor.send("GET", f"{dag_path(dag_id)}/details")
    docs = answer.json().get("doc_md") if answer.is_success else None
    return docs if isinstance(docs, str) else ""


async def _with_left(visitor: Caller, found: Row) -> Row:
    """Return a row with the pipeline's page in OpenMetadata and the config's version, as the last run has left them."""
    run, kind = found["last_run"], found["type"]
    if run is None or kind not in PIPELINE_TYPES:
        return found
    task = dag_path(
        found["dag_id"], "dagRuns", run["run_id"], "taskInstances", PIPELINE_TYPES[kind].task_id, "xcomEntries"
    )
    link = await _left(visitor, f"{task}/{_PIPELINE_LINK}")
    version = await _left(visitor, f"{task}/{CONFIG_XCOM}")
    links = {**found["links"], **({"openmetadata": link} if _is_address(link) else {})}
    config = found["config"]
    if isinstance(version, dict):
        config = {"key": version.get("key"), "changed_at": None, **(config or {}), "version": version.get("version")}
    return {**found, "links": links, "config": config}


async def _left(visitor: Caller, path: str) -> Any:
    """Return an XCom, None where it is missing, or the user may not see it."""
    answer = await visitor.send("GET", path, params={"deserialize": False, "stringify": False})
    value = answer.json().get("value") if answer.is_success else None
    with suppress(ValueError):
        # By Airflow's version, it is what the task has left, or that as JSON.
        return json.loads(value) if isinstance(value, str) else value
    return value


def _is_address(link: object) -> bool:
    # What a task has left may be anything, and a browser would run "javascript:".
    with suppress(ValueError):
        return isinstance(link, str) and urlsplit(link).scheme in ("http", "https")
    return False
