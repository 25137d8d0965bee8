"""
What Airflow stores of us, in serialized DAGs, rows of runs, Connections and airflow.cfg: names that stay as they are.

Rows that an earlier version has made name them, so what they name has to be there. docs/versions.md lists them, and
says how one of them changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from airflow import __version__ as airflow_version
from sqlalchemy import create_engine, text

from dag_factory.api_server.page.places import PREFIX, VIEWS
from dag_factory.api_server.plugin import OpenMetadataDagFactoryPlugin
from dag_factory.dag import tags
from dag_factory.dag.bundle_list import CLASSPATH
from dag_factory.portable.openmetadata.outcomes import left_by_task
from dag_factory.portable.openmetadata.pipeline_types import PIPELINE_TYPES
from dag_factory.reporting.evidence import OPERATORS
from dag_factory.reporting.run_note import read_note, run_note
from dag_factory.settings.connection_form import CONN_TYPE, FIELDS, HOOK_CLASS
from dag_factory.settings.options import SECTION
from dag_factory.task.run_conf import KEYS
from sandbox.stack import AirflowStack
from tests.airflow_versions import DagSerialization
from tests.e2e.pipelines import drop, sample
from tests.e2e.runs import run
from tests.places import ROOT
from tests.upgrade.frozen import all_frozen, rows

TIMETABLES = {
    "dag_factory.configs.timetables.schedule.PipelineTimetable",
    "dag_factory.configs.timetables.spread.SpreadTimetable",
    "dag_factory.configs.timetables.presets.PipelineOnceTimetable",
    "dag_factory.configs.timetables.presets.PipelineContinuousTimetable",
}
TASKS = {"dag_factory.task.operator.IngestionOperator", "dag_factory.task.operator.ConfigErrorOperator"}
LINKS = {
    "Pipeline in OpenMetadata": "_link_openmetadata_pipeline",
    "Service in OpenMetadata": "_link_openmetadata_service",
}
XCOMS = {
    "config", "openmetadata_outcome", "openmetadata_counts", "openmetadata_failure", "return_value", *LINKS.values(),
}  # fmt: skip
TAGS = {"OpenMetadata", "config-error", "last-good", "config-warning", "type:", "service:"}
CONF = {"appConfigOverride", "sourceConfigOverride", "testCases", "pipelineRunId"}
OTHERS = {
    "openmetadata_dag_factory",  # plugin, and section of airflow.cfg
    "dag_factory.IngestionBundle",  # bundle class in airflow.cfg
    "openmetadata",  # type of Connection
    "dag_factory.task.hook.OpenMetadataHook",
    "verifySSL",
    "sslConfig",
}
TASK_IDS = {
    "config_error", "ingestion_task", "dbt_task", "lineage_task", "usage_task", "profiler_task",
    "auto_classification_task", "test_suite_task", "elasticsearch_reindex_task", "application_task",
}  # fmt: skip
# What a DAG is when Airflow serializes it, by an e2e test too.
SERIALIZED = re.compile(r"dag_factory\.[\w.]+")

FROZEN = all_frozen()
Each = pytest.mark.parametrize("frozen", FROZEN, ids=lambda frozen: frozen.folder.name)


def named(path: str) -> Any:
    """Return what a qualified name names."""
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def names_in(serialized: Any) -> set[str]:
    """Return the qualified names of ours in a serialized DAG, those of its tasks included."""
    found = set(SERIALIZED.findall(json.dumps(serialized)))
    tasks = [task["__var"] for task in serialized["dag"]["tasks"]]
    return (found - {task["_task_module"] for task in tasks}) | {
        f"{task['_task_module']}.{task['task_type']}" for task in tasks
    }


def test_each_name_that_is_promised_names_what_it_did() -> None:
    for path in TIMETABLES | TASKS | {HOOK_CLASS, CLASSPATH}:
        found = named(path)
        assert path in {f"{found.__module__}.{found.__qualname__}", CLASSPATH}
    assert set(OpenMetadataDagFactoryPlugin().timetables) == {named(path) for path in TIMETABLES}
    assert {path.rpartition(".")[2] for path in TASKS} == set(OPERATORS)
    assert {"config_error"} | {kind.task_id for kind in PIPELINE_TYPES.values()} == TASK_IDS
    assert set(KEYS) == CONF
    assert {OpenMetadataDagFactoryPlugin.name, SECTION, CLASSPATH, CONN_TYPE, HOOK_CLASS, *FIELDS} == OTHERS
    constants = {value for name, value in vars(tags).items() if name.isupper()}
    assert constants == TAGS
    assert PREFIX == "/openmetadata-pipelines"
    assert {view["url_route"] for view in VIEWS} == {"openmetadata", "openmetadata-pipeline"}
    entries = {(each.group, each.name) for each in distribution("openmetadata-dag-factory").entry_points}
    assert entries == {
        ("airflow.plugins", "openmetadata_dag_factory"),
        ("apache_airflow_provider", "provider_info"),
        ("console_scripts", "openmetadata-dag-factory"),
    }


def test_the_page_lists_each_of_them() -> None:
    page = (ROOT / "docs" / "versions.md").read_text()
    for name in TIMETABLES | TASKS | XCOMS | TAGS | CONF | OTHERS | TASK_IDS | set(LINKS):
        assert f"`{name}" in page, name


@Each
def test_each_name_in_a_serialized_dag_of_an_earlier_version_is_there(frozen: Any) -> None:
    for serialized in frozen.expected["rows"]["dags"].values():
        found = names_in(serialized)
        assert found
        assert found <= TIMETABLES | TASKS
        for path in found:
            named(path)
        for task in serialized["dag"]["tasks"]:
            assert task["__var"].get("_operator_extra_links", LINKS) == LINKS
        timetable = serialized["dag"]["timetable"]
        if timetable["__type"] in TIMETABLES:
            again = named(timetable["__type"]).deserialize(timetable["__var"])
            assert again.serialize() == timetable["__var"]


@Each
def test_a_serialized_dag_of_an_earlier_version_is_read_by_the_same_airflow(frozen: Any) -> None:
    if frozen.expected["rows"]["airflow"] != airflow_version:
        pytest.skip("Airflow's own part of it is that of another version")
    for dag_id, serialized in frozen.expected["rows"]["dags"].items():
        dag = DagSerialization.from_dict(serialized)
        assert dag.dag_id == dag_id
        assert dag.timetable.summary


@Each
def test_the_note_and_the_xcoms_of_a_run_of_an_earlier_version_are_read(frozen: Any) -> None:
    left = frozen.expected["rows"]
    said = read_note(left["note"])
    assert (said["records"], said["warnings"], said["errors"]) == (5, 1, 0)
    assert said["key"] == "shop/orders.yaml"
    assert said["digest"] == "36f35c097a46"
    assert set(left["xcoms"]) <= XCOMS
    assert run_note(left["xcoms"]["config"], left["xcoms"]["openmetadata_counts"]) == left["note"]
    outcome = left["xcoms"]["openmetadata_outcome"]
    same = left_by_task("failed", 2, reason="connection refused", is_reported=False, task_failed=True)
    assert outcome.items() <= same.items()


def test_this_version_serializes_no_name_beside_the_promised_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in FROZEN[-1].thawed(tmp_path).items():
        monkeypatch.setenv(name, value)
    for serialized in rows()["dags"].values():
        assert names_in(serialized) <= TIMETABLES | TASKS


def rows_of(airflow: AirflowStack, query: str, **values: str) -> Iterator[Any]:
    engine = create_engine(airflow.option("database", "sql_alchemy_conn"))
    try:
        with engine.connect() as connection:
            yield from connection.execute(text(query), values).all()
    finally:
        engine.dispose()


@pytest.mark.e2e
@pytest.mark.together
def test_a_real_run_leaves_these_rows_and_no_others(airflow: AirflowStack, config_store: Path) -> None:
    dag_id = drop(config_store, sample("stored_names", airflowConfig={"scheduleInterval": "0 3 * * *"}))
    done = run(airflow, dag_id)
    assert done.state == "success"
    (kept,) = {json.dumps(data) for (data,) in rows_of(airflow, _SERIALIZED, dag_id=dag_id)}
    assert names_in(json.loads(kept)) == {
        "dag_factory.configs.timetables.schedule.PipelineTimetable",
        "dag_factory.task.operator.IngestionOperator",
    }
    by_run = {"dag_id": dag_id, "run_id": done.run_id}
    xcoms = {key for (key,) in rows_of(airflow, _XCOMS, **by_run)}
    assert {"config", "openmetadata_outcome", "return_value", *LINKS.values()} >= xcoms >= {"config", "return_value"}
    assert list(rows_of(airflow, _TASKS, **by_run)) == [("ingestion_task", "IngestionOperator")]
    kinds = {re.sub(":.*", ":", tag) for (tag,) in rows_of(airflow, _TAGS, dag_id=dag_id)}
    assert kinds - {tags.WARNING_TAG} == {"OpenMetadata", "type:", "service:"}


_SERIALIZED = "SELECT data FROM serialized_dag WHERE dag_id = :dag_id ORDER BY last_updated DESC LIMIT 1"
_XCOMS = "SELECT key FROM xcom WHERE dag_id = :dag_id AND run_id = :run_id"
_TASKS = "SELECT task_id, operator FROM task_instance WHERE dag_id = :dag_id AND run_id = :run_id"
_TAGS = "SELECT name FROM dag_tag WHERE dag_id = :dag_id"
