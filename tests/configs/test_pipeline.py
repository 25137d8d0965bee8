import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dag_factory.configs.dag_ids import MAX_DAG_ID, clean_dag_id
from dag_factory.configs.pipeline import AirflowConfig, IngestionPipeline
from dag_factory.errors import ConfigError
from tests.places import TESTS

SAMPLES = sorted((TESTS / "samples").glob("*.json"))
CANARY = "s3cr3t-canary"
MINIMAL = {"name": "orders", "pipelineType": "metadata"}

FIELDS = [
    "name",
    "displayName",
    "description",
    "pipelineType",
    "fullyQualifiedName",
    "owners",
    "service",
    "enabled",
    "airflowConfig",
    "updatedAt",
    "scheduleInterval",
    "pipelineTimezone",
    "startDate",
    "endDate",
    "retries",
    "concurrency",
    "retryDelay",
    "workflowTimeout",
    "email",
    "type",
    "$env",
    "__class__",
    "model_config",
]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(FIELDS) | st.text(), inner, max_size=4),
    max_leaves=10,
)


def pipeline(**fields: Any) -> IngestionPipeline:
    return IngestionPipeline.from_document({**MINIMAL, **fields})


def problem_of(document: dict[str, Any]) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        IngestionPipeline.from_document(document)
    return caught.value


@given(st.text(min_size=1))
def test_a_dag_id_is_made_by_the_rule_of_the_contract(name: str) -> None:
    dag_id = clean_dag_id(name)
    assert dag_id == re.sub("[^0-9a-zA-Z-_]+", "_", name)
    assert re.fullmatch("[0-9a-zA-Z_-]+", dag_id)
    assert clean_dag_id(dag_id) == dag_id


@pytest.mark.parametrize(
    ("name", "dag_id"),
    [
        ("a b", "a_b"),
        ("a  .b", "a_b"),
        ("a__b", "a__b"),
        ("a-b", "a-b"),
        ("Größe", "Gr_e"),
        ("..a", "_a"),
        ("_1_", "_1_"),
        ("a/../b", "a_b"),
    ],
)
def test_runs_of_other_characters_become_one_underscore(name: str, dag_id: str) -> None:
    assert clean_dag_id(name) == dag_id == pipeline(name=name).dag_id


@pytest.mark.parametrize("name", ["..", ".", "🚀", "🚀 🚀", "___", "-", "/", "数据", "\u202e", " ", "Ω"])
def test_a_name_that_leaves_nothing_of_a_dag_id_is_refused_with_a_sentence(name: str) -> None:
    error = problem_of({**MINIMAL, "name": name})
    assert error.field == "name"
    assert "so no DAG id can be made from it" in str(error)
    assert "has no letter (a to z) and no digit" in str(error)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_what_a_server_sends_is_understood(path: Path) -> None:
    document = json.loads(path.read_text())
    read = IngestionPipeline.from_document(document)
    airflow = document["airflowConfig"]
    assert read.dag_id == path.stem
    assert read.pipeline_type == document["pipelineType"]
    assert read.fqn == document["fullyQualifiedName"]
    assert read.service is not None
    assert (read.service.name, read.service.type) == (document["service"]["name"], document["service"]["type"])
    assert read.airflow_config.schedule_interval == (airflow.get("scheduleInterval") or None)
    assert read.airflow_config.retry_delay == airflow.get("retryDelay", 300)
    assert read.updated_at == document.get("updatedAt")


def test_a_name_and_a_type_are_enough() -> None:
    read = pipeline()
    assert (read.title, read.fqn, read.dag_id, read.enabled, read.owners) == ("orders", "orders", "orders", True, [])
    assert read.airflow_config.schedule_interval is None
    assert read.airflow_config.max_active_runs == 1


def test_null_means_the_default_in_every_optional_field() -> None:
    nulls = dict.fromkeys(field for field in FIELDS if field != "$env")
    assert pipeline(**{**nulls, **MINIMAL, "airflowConfig": nulls, "owners": [nulls]}).airflow_config == (
        pipeline().airflow_config
    )


@pytest.mark.parametrize("field", MINIMAL)
@pytest.mark.parametrize("value", [None, 1, ["a"], {"a": "b"}, {"$env": "A"}])
def test_without_name_or_type_there_is_no_pipeline(field: str, value: object) -> None:
    assert problem_of({**MINIMAL, field: value}).field == field
    assert problem_of({name: text for name, text in MINIMAL.items() if name != field}).field == field


def test_fields_of_newer_servers_are_carried_and_harmless() -> None:
    extra = {"futureField": {"a": 1}, "dag_id": "x", "fqn": "x", "title": "x", "model_config": 1, "__class__": 2}
    read = pipeline(**extra, airflowConfig={"futureField": 1, "retries": 2}, service={"name": "s", "futureField": 1})
    assert (read.dag_id, read.fqn, read.title) == ("orders", "s.orders", "orders")
    assert read.airflow_config.retries == 2


@given(st.dictionaries(st.sampled_from(FIELDS), values, max_size=8), st.dictionaries(st.sampled_from(FIELDS), values))
@example({"airflowConfig": {"startDate": 10**400}}, {})
@example({"updatedAt": 10**400}, {})
@example({"airflowConfig": {"startDate": "9999-12-31T23:59:59-23:59"}}, {})
def test_any_document_is_a_pipeline_or_a_config_error_that_names_a_field(
    document: dict[str, Any], airflow_config: dict[str, Any]
) -> None:
    for candidate in (document, {**MINIMAL, **document}, {**MINIMAL, "airflowConfig": airflow_config}):
        try:
            read = IngestionPipeline.from_document(candidate)
        except ConfigError as error:
            assert error.field
        else:
            assert re.fullmatch("[0-9a-zA-Z_-]{1,250}", read.dag_id)
            assert read.title
            assert read.fqn


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[(field, CANARY) for field in ("owners", "service", "airflowConfig", "enabled", "updatedAt")],
        *[
            (f"airflowConfig.{field}", CANARY)
            for field in (
                "startDate", "endDate", "pipelineCatchup", "concurrency", "maxActiveRuns", "retries", "retryDelay",
                "workflowTimeout", "pausePipeline",
            )
        ],
        *[(f"airflowConfig.{field}", [CANARY]) for field in ("scheduleInterval", "pipelineTimezone", "email")],
        ("displayName", {"x": CANARY}),
        ("description", [CANARY]),
        ("fullyQualifiedName", {CANARY: CANARY}),
        ("service.name", [CANARY]),
        ("name", CANARY * 100),
    ],
)  # fmt: skip
def test_the_error_of_a_wrong_value_names_the_field_and_not_the_value(field: str, value: object) -> None:
    document: dict[str, Any] = {**MINIMAL}
    *parents, last = field.split(".")
    inner = document
    for parent in parents:
        inner = inner.setdefault(parent, {})
    inner[last] = value
    problem = problem_of(document)
    assert problem.field == field
    assert CANARY not in str(problem)
    assert CANARY not in repr(problem)
    assert problem.__suppress_context__


def test_a_missing_field_says_where_to_add_it() -> None:
    assert problem_of({"name": "a"}).problem.startswith("is missing. Add it to the config, or to a defaults.yaml")


def test_one_error_counts_the_others() -> None:
    problem = problem_of({"enabled": "perhaps"})
    assert problem.field == "name"
    assert "2 more fields are wrong" in problem.problem


@pytest.mark.parametrize(
    ("field", "value"),
    [("concurrency", 0), ("maxActiveRuns", 0), ("retries", -1), ("retryDelay", -1), ("retries", 2**31),
     ("retries", 1.5),
     ("workflowTimeout", -1), ("startDate", "1969-12-31T00:00:00Z"), ("endDate", "2900-01-01T00:00:00Z"),
     ("startDate", "2024-02-30"), ("endDate", "9999-12-31T23:59:59Z")],
)  # fmt: skip
def test_a_number_or_a_date_out_of_bounds_is_refused(field: str, value: object) -> None:
    assert problem_of({**MINIMAL, "airflowConfig": {field: value}}).field == f"airflowConfig.{field}"


@pytest.mark.parametrize(
    ("field", "value"),
    [("concurrency", 1), ("maxActiveRuns", 2**31 - 1), ("retries", 0), ("retryDelay", 0), ("workflowTimeout", 0),
     ("startDate", "1970-01-01T00:00:00Z"), ("endDate", "2899-12-31T23:59:59Z")],
)  # fmt: skip
def test_the_first_and_the_last_within_them_are_taken(field: str, value: object) -> None:
    read = IngestionPipeline.from_document({**MINIMAL, "airflowConfig": {field: value}}).airflow_config
    assert field in {AirflowConfig.model_fields[name].alias or name for name in read.model_fields_set}


@pytest.mark.parametrize(("length", "is_taken"), [(1000, True), (1001, False)])
def test_a_cron_of_very_many_characters_is_refused_before_it_is_read(length: int, is_taken: bool) -> None:
    cron = f"{'0,' * 600}"[: length - len("0 * * * *")] + "0 * * * *"
    document = {**MINIMAL, "airflowConfig": {"scheduleInterval": cron}}
    if is_taken:
        assert IngestionPipeline.from_document(document).airflow_config.schedule_interval == cron
    else:
        assert problem_of(document).field == "airflowConfig.scheduleInterval"


def test_updated_at_lies_within_the_same_bounds_as_dates() -> None:
    assert pipeline(updatedAt=1_700_000_000_000).updated_at == 1_700_000_000_000
    for moment in (-1, 10**15, 2**63):
        assert problem_of({**MINIMAL, "updatedAt": moment}).field == "updatedAt"


@pytest.mark.parametrize("blank", ["", " ", "\n", None])
def test_a_blank_schedule_means_on_demand(blank: str | None) -> None:
    assert pipeline(airflowConfig={"scheduleInterval": blank}).airflow_config.schedule_interval is None
    assert pipeline(airflowConfig={"scheduleInterval": " 0 1 * * * "}).airflow_config.schedule_interval == "0 1 * * *"


@pytest.mark.parametrize("field", ["displayName", "description", "fullyQualifiedName", "owners"])
def test_a_reference_in_a_field_that_only_describes_is_done_without(field: str) -> None:
    read = pipeline(**{field: {"$env": "A"}})
    assert read == pipeline()


@pytest.mark.parametrize("field", ["service", "airflowConfig", "enabled", "updatedAt"])
def test_a_reference_that_the_dag_would_need_is_refused(field: str) -> None:
    problem = problem_of({**MINIMAL, field: {"$connection": "c", "field": "host"}})
    assert problem.field == field
    assert "resolved only when the task runs" in problem.problem


def test_a_reference_within_the_airflow_config_is_refused() -> None:
    assert problem_of({**MINIMAL, "airflowConfig": {"retries": {"$env": "A"}}}).field == "airflowConfig.retries"


def test_references_elsewhere_are_left_to_the_worker() -> None:
    pipeline(openMetadataServerConnection={"$env": "A"}, sourceConfig={"config": {"$env": "B"}})


def test_the_longest_dag_id_fits_and_a_longer_one_is_refused() -> None:
    assert len(pipeline(name="x" * MAX_DAG_ID).dag_id) == MAX_DAG_ID
    assert pipeline(name="a" + "ä" * 1000).dag_id == "a_"
    assert "too long" in problem_of({**MINIMAL, "name": "x" * (MAX_DAG_ID + 1)}).problem


@pytest.mark.parametrize(
    ("service", "name", "fqn"),
    [
        ("s", "n", "s.n"),
        ("a.b", "n", '"a.b".n'),
        ("s", "n.m", 's."n.m"'),
        ('"a.b"', '"n"', '"a.b".n'),
        (None, "n", "n"),
        (None, "n.m", '"n.m"'),
    ],
)
def test_the_fully_qualified_name_is_made_of_service_and_name(service: str | None, name: str, fqn: str) -> None:
    assert pipeline(name=name, service=service and {"name": service}).fqn == fqn
    assert pipeline(name=name, fullyQualifiedName="said.so").fqn == "said.so"


def test_the_fully_qualified_name_of_the_service_is_the_better_one_to_begin_with() -> None:
    service = {"type": "testSuite", "name": "a.b.c.d.testSuite", "fullyQualifiedName": "a.b.c.d.testSuite"}
    assert pipeline(name="n.m", service=service).fqn == 'a.b.c.d.testSuite."n.m"'


def test_a_pipeline_does_not_change() -> None:
    changed: Any = pipeline()
    with pytest.raises(ValueError, match="frozen"):
        changed.name = "other"


def test_the_section_that_is_ours_says_where_the_task_runs() -> None:
    runner = {
        "python": "/opt/ingestion/bin/python",
        "pool": "small",
        "queue": "eu",
        "priorityWeight": 5,
        "executor": "LocalExecutor",
    }
    found = IngestionPipeline.from_document({**MINIMAL, "dagFactory": {"runner": runner}}).dag_factory.runner
    assert found.model_dump(by_alias=True) == runner
    assert IngestionPipeline.from_document({**MINIMAL, "dagFactory": None}).dag_factory.runner.python is None
    in_process = {**MINIMAL, "dagFactory": {"runner": {"python": "in_process"}}}
    assert IngestionPipeline.from_document(in_process).dag_factory.runner.python == "in_process"


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"runner": {"pools": "x"}}, r"'dagFactory\.runner\.pools': is unknown here"),
        ({"runners": {}}, r"'dagFactory\.runners': is unknown here"),
        ({"runner": {"pool": 3}}, r"'dagFactory\.runner\.pool': is not a text"),
        ({"runner": {"queue": ""}}, r"'dagFactory\.runner\.queue': is empty"),
        ({"runner": {"priorityWeight": "high"}}, r"'dagFactory\.runner\.priorityWeight': is not a whole number"),
        ({"runner": {"priorityWeight": 2**31}}, r"'dagFactory\.runner\.priorityWeight': is more than 2147483647"),
        ({"runner": {"python": "python3"}}, r"'dagFactory\.runner\.python': is neither in_process nor the absolute"),
        ({"runner": {"python": {"$env": "X"}}}, r"'dagFactory\.runner\.python': is a reference"),
        ({"runner": ["x"]}, r"'dagFactory\.runner': is not a mapping"),
        ("x", r"'dagFactory': is not a mapping"),
    ],
)
def test_what_is_wrong_in_the_section_that_is_ours_is_named(section: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        IngestionPipeline.from_document({**MINIMAL, "dagFactory": section})


def test_a_cron_that_takes_seconds_to_read_is_refused() -> None:
    schedule = {"scheduleInterval": f"0{',0' * 500} * * * *"}
    with pytest.raises(ConfigError, match="longer than 1000 characters") as error:
        IngestionPipeline.from_document({"name": "a", "pipelineType": "metadata", "airflowConfig": schedule})
    assert error.value.field == "airflowConfig.scheduleInterval"
