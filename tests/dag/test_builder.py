"""The builder: every field of a document in its place in the DAG."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG

from dag_factory.configs.timetables.schedule import cron_timetable
from dag_factory.configs.timetables.spread import SpreadTimetable
from dag_factory.dag.builder import build_dag, build_placeholder
from dag_factory.dag.tags import PROBLEM_TAG
from dag_factory.errors import ConfigError
from dag_factory.portable.openmetadata.pipeline_types import PIPELINE_TYPES
from dag_factory.portable.openmetadata.source_configs import KINDS_OF_SERVICES
from dag_factory.store.config import Config, Trouble
from dag_factory.task.operator import ConfigErrorOperator, IngestionOperator
from tests.airflow_versions import DagSerialization
from tests.documents import REST
from tests.places import TESTS

SAMPLES = TESTS / "samples"
SERVICE = {"type": "databaseService", "name": "shop"}


def config(**fields: Any) -> Config:
    document = {
        "name": "orders",
        "pipelineType": "metadata",
        "service": {"type": "databaseService", "name": "shop"},
        **REST,
        **fields,
    }
    return Config("orders", "orders.json", document)


def airflow(**fields: Any) -> DAG:
    return build_dag(config(airflowConfig=fields))


def task_of(dag: DAG) -> Any:
    (task,) = dag.tasks
    return task


@pytest.mark.parametrize("kind", KINDS_OF_SERVICES)
def test_a_dag_says_which_kind_of_service_it_is_for_and_leads_there(kind: str) -> None:
    server = {"hostPort": "http://om.example/api"}
    fields = {"service": {"type": kind, "name": "shop"}, "sourceConfig": {"config": {}}}
    dag = build_dag(config(**fields, openMetadataServerConnection=server))
    assert {"type:metadata", "service:shop"} <= dag.tags
    assert f"| Service type | {kind} |" in (dag.doc_md or "")
    assert f"(http://om.example/service/{kind}s/shop)" in (dag.doc_md or "")


def test_a_description_that_holds_a_secret_stays_out_of_the_dag() -> None:
    dag = build_dag(config(description="Ask https://host/?access_token=s3cr3t-canary for more"))
    assert "s3cr3t-canary" not in json.dumps(DagSerialization.to_dict(dag))


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_every_document_of_a_server_builds_and_serializes(path: Path) -> None:
    document = json.loads(path.read_text())
    sample = Config(document["name"], path.name, document)
    if document["pipelineType"] == "dataInsight":
        with pytest.raises(ConfigError, match="has become an application"):
            build_dag(sample)
        return
    dag = build_dag(sample)
    assert task_of(dag).task_id == PIPELINE_TYPES[document["pipelineType"]].task_id
    assert DagSerialization.to_dict(dag)["dag"]["dag_id"] == document["name"]


def test_a_document_with_nothing_but_what_it_must_say_gets_the_defaults_of_the_schema() -> None:
    dag = build_dag(config())
    task = task_of(dag)
    assert isinstance(task, IngestionOperator)
    assert dag.timetable.can_be_scheduled is False
    assert (dag.max_active_tasks, dag.max_active_runs, dag.catchup) == (1, 1, False)
    assert (task.retries, task.retry_delay) == (0, timedelta(seconds=300))
    assert task.execution_timeout is None
    assert (dag.start_date, dag.end_date) == (None, None)
    assert dag.is_paused_upon_creation is False
    assert task.owner == "openmetadata"
    assert task.has_on_failure_callback is False


def test_every_field_of_airflow_config_reaches_the_dag_in_the_schema_s_unit() -> None:
    dag = airflow(
        scheduleInterval="0 3 * * *",
        pipelineTimezone="Europe/Berlin",
        startDate="2024-05-01T00:00:00Z",
        endDate="2030-05-01T00:00:00Z",
        pipelineCatchup=True,
        concurrency=3,
        maxActiveRuns=2,
        retries=4,
        retryDelay=7,
        workflowTimeout=90,
        pausePipeline=True,
        email="data@example.com",
        workflowDefaultView="tree",
    )
    task = task_of(dag)
    bounds = ("2024-05-01T00:00:00+00:00", "2030-05-01T00:00:00+00:00")
    assert dag.timetable == cron_timetable("0 3 * * *", "Europe/Berlin", *bounds)
    assert dag.timezone.name == "Europe/Berlin"
    # Airflow would leave the task out of runs before and after.
    assert (dag.start_date, dag.end_date) == (None, None)
    assert (dag.catchup, dag.max_active_tasks, dag.max_active_runs) == (True, 3, 2)
    assert (task.retries, task.retry_delay) == (4, timedelta(seconds=7))
    assert task.execution_timeout == timedelta(seconds=90)
    assert dag.is_paused_upon_creation is True
    assert task.has_on_failure_callback is True


@pytest.mark.parametrize(
    ("own", "ends"), [(None, "1:00:00"), (0, "1:00:00"), (90, "0:01:30"), (90_000, "1 day, 1:00:00")]
)
def test_a_run_is_ended_after_the_pipeline_s_own_time_or_else_the_operator_s(own: int | None, ends: str) -> None:
    dag = build_dag(config(airflowConfig={"workflowTimeout": own}), longest_run=3600)
    assert str(task_of(dag).execution_timeout) == ends
    assert f"| Longest run | {ends} |" in (dag.doc_md or "")


def test_without_either_it_may_go_on() -> None:
    assert task_of(build_dag(config(), longest_run=None)).execution_timeout is None


def test_null_in_an_optional_field_means_the_schema_s_default() -> None:
    names = ["startDate", "endDate", "pipelineTimezone", "concurrency", "maxActiveRuns", "retries", "retryDelay",
             "workflowTimeout", "pausePipeline", "pipelineCatchup", "email", "scheduleInterval"]  # fmt: skip
    assert DagSerialization.to_dict(airflow(**dict.fromkeys(names))) == DagSerialization.to_dict(airflow())


def test_a_pipeline_that_the_server_has_disabled_starts_paused() -> None:
    assert build_dag(config(enabled=False)).is_paused_upon_creation is True


def test_names_owners_and_tags_tell_people_what_it_is() -> None:
    dag = build_dag(
        config(
            displayName="Orders, daily",
            description="All *orders*.",
            owners=[{"name": "zoe", "type": "user"}, {"name": "adam", "type": "user"}],
        )
    )
    assert dag.dag_display_name == "Orders, daily"
    assert dag.description == "All *orders*."
    assert task_of(dag).owner == "adam, zoe"
    assert dag.tags == {"OpenMetadata", "type:metadata", "service:shop"}


def test_a_title_is_a_tag_only_where_the_operator_wants_it() -> None:
    titled = config(displayName="Orders, daily")
    assert "Orders, daily" not in build_dag(titled).tags
    assert build_dag(titled, title_tag=True).tags == {"OpenMetadata", "Orders, daily", "type:metadata", "service:shop"}


LONG = "x, " * 150_000
LONG_TEXTS: list[dict[str, Any]] = [
    {"displayName": LONG}, {"description": LONG}, {"fullyQualifiedName": LONG}, {"owners": [{"name": LONG}]},
    {"owners": [{"name": f"o{number}"} for number in range(20_000)]},
    {"service": {"type": "databaseService", "name": LONG, "fullyQualifiedName": LONG}},
    {"service": {"type": f"{LONG}Service", "name": "a"}},
    {"openMetadataServerConnection": {"hostPort": f"http://{LONG}.example"}}, {"shinyNew": LONG}, {LONG: LONG},
    {"sourceConfig": {"config": {"type": "DatabaseMetadata", LONG: LONG}}}, {"updatedBy": LONG}, {"tags": [LONG]},
]  # fmt: skip


@pytest.mark.parametrize("fields", LONG_TEXTS, ids=lambda fields: next(iter(fields))[:20])
def test_a_text_without_end_makes_no_dag_without_end(fields: dict[str, Any]) -> None:
    dag = build_dag(config(**fields))
    assert len(json.dumps(DagSerialization.to_dict(dag))) < 80_000
    assert len(dag.dag_display_name) <= 2000


@pytest.mark.parametrize("name", ["or\u202eders", "orders\x07", "\ufefforders", "\u2066orders", "or\u200bders\n"])
def test_no_name_passes_for_another_one(name: str) -> None:
    owners = [{"name": name}]
    dag = build_dag(config(displayName=name, owners=owners, description=name, service={**SERVICE, "name": name}))
    assert dag.dag_display_name == (dag.description or "").strip() == task_of(dag).owner == "orders"
    assert "service:orders" in dag.tags
    assert name not in (dag.doc_md or "")
    assert build_dag(config(displayName="\u202e")).dag_display_name == "orders"


def test_texts_fit_airflow_s_columns() -> None:
    long = "x" * 5000
    dag = build_dag(
        config(displayName=long, service={"type": "databaseService", "name": long}, owners=[{"name": long}])
    )
    assert len(dag.dag_display_name) == 2000
    assert max(map(len, dag.tags)) == 100
    assert len(task_of(dag).owner) == 500


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"pipelineType": "telepathy"}, "pipelineType"),
        ({"pipelineType": None}, "pipelineType"),
        ({"service": None}, "service"),
        ({"service": {"type": "databaseService"}}, "service.name"),
        ({"airflowConfig": {"scheduleInterval": "every day"}}, "airflowConfig.scheduleInterval"),
        ({"airflowConfig": {"pipelineTimezone": "Mars/Base"}}, "airflowConfig.pipelineTimezone"),
        ({"airflowConfig": {"retries": "many"}}, "airflowConfig.retries"),
        ({"airflowConfig": {"retries": -1}}, "airflowConfig.retries"),
        ({"airflowConfig": {"concurrency": 0}}, "airflowConfig.concurrency"),
        ({"airflowConfig": {"concurrency": 2**31}}, "airflowConfig.concurrency"),
        ({"airflowConfig": {"startDate": "yesterday"}}, "airflowConfig.startDate"),
        ({"airflowConfig": {"startDate": "0001-01-01"}}, "airflowConfig.startDate"),
        ({"airflowConfig": {"scheduleInterval": {"$env": "CRON"}}}, "airflowConfig.scheduleInterval"),
        ({"airflowConfig": []}, "airflowConfig"),
    ],
)
def test_a_wrong_field_is_named_with_its_config(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as error:
        build_dag(config(**fields))
    assert error.value.field == field
    assert f"config 'orders.json', field '{field}': " in str(error.value)


def test_fields_of_newer_servers_are_carried_along() -> None:
    extra = {"shinyNew": {"deep": [1]}, "airflowConfig": {"shinyToo": 1}, "processingEngine": {"id": "x"}}
    assert build_dag(config(**extra)).dag_id == "orders"


@pytest.mark.parametrize(
    "fields",
    [
        {"pipelineType": "no such type", "service": "shop"},
        {"pipelineType": ["metadata"], "service": {"name": {"$env": "NAME"}}},
        {"pipelineType": None, "service": {"name": " "}},
    ],
    ids=["texts", "values of other kinds", "empty"],
)
def test_a_placeholder_has_no_tag_for_what_can_t_be_read(fields: dict[str, Any]) -> None:
    problem = ConfigError("is wrong", field="service", config="orders.json")
    assert build_placeholder(config(**fields).broken(problem)).tags == {"OpenMetadata", PROBLEM_TAG}


def test_a_placeholder_says_what_is_wrong_and_its_task_fails_with_it() -> None:
    problem = ConfigError("is no cron", field="airflowConfig.scheduleInterval", config="orders.json")
    dag = build_placeholder(config().broken(problem))
    task = task_of(dag)
    # So that it is found among those of its service.
    assert dag.tags == {"OpenMetadata", PROBLEM_TAG, "type:metadata", "service:shop"}
    assert dag.description == (
        "Config error, nothing runs. orders.json, field 'airflowConfig.scheduleInterval': is no cron"
    )
    assert dag.timetable.can_be_scheduled is False
    assert "is no cron" in (dag.doc_md or "")
    assert isinstance(task, ConfigErrorOperator)
    assert task.retries == 0
    context: Any = {"ti": SimpleNamespace(try_number=1, xcom_push=lambda **_: None)}
    with pytest.raises(Exception, match=re.escape(str(problem))):
        task.execute(context)
    DagSerialization.to_dict(dag)


def test_a_last_good_version_says_what_is_wrong_before_what_its_author_has_written() -> None:
    problem = ConfigError("is no cron", field="airflowConfig.scheduleInterval", config="orders.json")
    good = build_dag(config(description="All orders.\nEach day."))
    dag = build_dag(replace(config(description="All orders.\nEach day."), trouble=Trouble(problem)))
    assert good.description == "All orders.\nEach day."
    assert dag.description == (
        "Config error, the last good version runs. orders.json, field 'airflowConfig.scheduleInterval': is no cron\n"
        "All orders.\nEach day."
    )
    assert dag.tags == {*good.tags, PROBLEM_TAG, "last-good"}
    assert len(build_dag(replace(config(description="x" * 9_000), trouble=Trouble(problem))).description or "") == 5_000


def test_a_doubtful_config_says_why_and_runs() -> None:
    dag = build_dag(config(description="All orders.", airflowConfig={"scheduleInteval": "@daily"}))
    assert dag.description == (
        "Config warning. orders.json, field 'airflowConfig.scheduleInteval': is unknown here. "
        "Did you mean 'scheduleInterval'?\nAll orders."
    )
    assert dag.tags == {"OpenMetadata", "type:metadata", "service:shop", "config-warning"}
    assert isinstance(task_of(dag), IngestionOperator)


def test_the_docs_list_what_is_doubtful_in_any_order_of_the_fields() -> None:
    fields = {"scheduleInteval": "0 3 * * *", "catchup": True}
    dag, other = airflow(**fields), airflow(**dict(reversed(fields.items())))
    docs = dag.doc_md or ""
    assert docs.startswith("### The config runs, with warnings\n\n- **airflowConfig.catchup**")
    assert "Did you mean 'scheduleInterval'?" in docs
    assert DagSerialization.to_dict(dag) == DagSerialization.to_dict(other)


def test_what_depends_on_the_clock_or_is_for_authors_alone_stays_out_of_the_dag() -> None:
    dag = airflow(scheduleInterval="0 3 * * *", endDate="2020-01-01", pipelineCatchup=True, retryDelay=60)
    assert "config-warning" not in dag.tags
    assert "with warnings" not in (dag.doc_md or "")


def test_a_key_that_may_be_a_secret_stays_out_of_what_is_doubtful() -> None:
    secret = "s3cr3t-canary/x=="
    source = {"config": {"type": "DatabaseMetadata", "schemaFilterPattern": {secret: 1}}}
    dag = build_dag(config(sourceConfig=source))
    assert "config-warning" in dag.tags
    assert secret not in json.dumps(DagSerialization.to_dict(dag))


def test_the_runner_block_says_where_airflow_runs_the_task_and_else_its_defaults_hold() -> None:
    runner = {"pool": "small", "queue": "eu", "priorityWeight": 5, "executor": "LocalExecutor"}
    task = task_of(build_dag(config(dagFactory={"runner": {**runner, "python": "/opt/ingestion/bin/python"}})))
    assert (task.pool, task.queue, task.priority_weight, task.executor) == ("small", "eu", 5, "LocalExecutor")
    task = task_of(build_dag(config(dagFactory={"runner": {"queue": "eu"}})))
    assert (task.pool, task.queue, task.priority_weight, task.executor) == ("default_pool", "eu", 1, None)


def test_an_executor_that_airflow_does_not_have_is_a_problem_of_that_config_alone() -> None:
    with pytest.raises(ConfigError, match=r"'dagFactory\.runner\.executor': is not an executor that \[core\] executor"):
        build_dag(config(dagFactory={"runner": {"executor": "NoSuchExecutor"}}))


def test_no_two_tags_differ_by_case_alone_for_which_mysql_takes_them_for_one() -> None:
    dag = build_dag(config(displayName="OPENMETADATA"), title_tag=True)
    assert dag.tags == {"OpenMetadata", "type:metadata", "service:shop"}


@pytest.mark.parametrize("title", ["ÖpenMetadata", "Ope\u0301nMetadata", "\uff2fpenMetadata", "TYPE:métadata"])
def test_no_two_tags_differ_by_accents_alone_for_which_mysql_takes_them_for_one(title: str) -> None:
    dag = build_dag(config(displayName=title), title_tag=True)
    assert dag.tags == {"OpenMetadata", "type:metadata", "service:shop"}


@pytest.mark.parametrize(
    ("spread", "own", "is_spread"), [(0, None, False), (3600, None, True), (3600, 0, False), (0, 3600, True)]
)
def test_a_config_s_spread_overrides_the_setting_and_the_docs_say_when_runs_begin(
    spread: int, own: int | None, is_spread: bool
) -> None:
    fields = {"airflowConfig": {"scheduleInterval": "0 0 * * *"}, "dagFactory": {"spread": own}}
    dag = build_dag(config(**fields), spread=spread)
    assert isinstance(dag.timetable, SpreadTimetable) is is_spread
    assert ("| 0 0 \\* \\* \\* (UTC), spread to 00:38:23 |" in (dag.doc_md or "")) is is_spread
    assert (getattr(dag.timetable, "summary", None) == "0 0 * * *, spread to 00:38:23") is is_spread
