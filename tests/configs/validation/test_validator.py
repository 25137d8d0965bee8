"""What the one validation promises to each caller: all problems, in bounded time, and what it accepts can be built."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag_factory.configs.allowed import Allowed
from dag_factory.configs.problem import ERROR, WARNING
from dag_factory.configs.server_connection import require_server
from dag_factory.configs.validation.validator import examine, validate
from dag_factory.dag.builder import build_dag
from dag_factory.portable.secrets.references import resolve
from dag_factory.store.config import Config
from tests.places import ROOT

SAMPLES = [*sorted((ROOT / "tests" / "samples").glob("*.json")), *sorted((ROOT / "configs").glob("*.json"))]
SAMPLE = json.loads((ROOT / "configs" / "sample_sqlite_metadata.json").read_text())
OPEN = Allowed(env=("*",), connections=("*",), applications=("metadata.",))
PIPELINE_ID = "5f2f6a0e-7f7c-4f57-9d6e-2b8f1a9f3f11"  # as only a server writes it
CANARY = "s3cr3t-canary"


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_what_a_server_sends_has_no_problem_and_no_warning(path: Path) -> None:
    problems = validate(json.loads(path.read_text()), OPEN)
    if path.stem == "openmetadata_dataInsight":
        (problem,) = problems
        assert problem.field == "pipelineType"
    else:
        assert problems == []


@pytest.mark.parametrize(
    "fields",
    [
        {"lifeCycle": {}, "certification": None, "dataContract": {"id": "x"}, "votes": {}, "entityStatus": "Approved"},
        {"service": {**SAMPLE["service"], "lineageDepth": 3}},
        {"airflowConfig": {"scheduleInterval": None, "backfill": True, "runOnDeploy": False}},
        {"openMetadataServerConnection": {**SAMPLE["openMetadataServerConnection"], "keepAlive": 5}},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_a_newer_server_s_fields_are_no_misspelt_ones(fields: dict[str, Any]) -> None:
    assert validate({**SAMPLE, "id": PIPELINE_ID, **fields}, OPEN) == []


def test_in_what_no_server_has_written_nothing_unknown_is_passed_over() -> None:
    document = {**SAMPLE, "tags": [], "airflowConfig": {"sla": 60}, "x-common": {}, "$schema": "a.json", "_note": ""}
    problems = validate(document, OPEN)
    assert [(each.field, each.kind, each.level) for each in problems] == [
        ("tags", "unknown", WARNING),
        ("airflowConfig.sla", "unknown", WARNING),
    ]


def test_all_problems_come_errors_first_each_field_once_and_without_values() -> None:
    wrong = {
        **SAMPLE,
        "enabled": CANARY,
        "airflowConfg": {},
        "airflowConfig": {"retries": CANARY, "scheduleInterval": CANARY, "pipelineTimezone": CANARY},
        "dagFactory": {"runner": {"pools": CANARY}},
    }
    problems = validate(wrong, OPEN)
    assert [problem.field for problem in problems if problem.level == ERROR] == [
        "dagFactory.runner.pools",
        "airflowConfig.retries",
        "enabled",
        "airflowConfig.pipelineTimezone",
        "airflowConfig.scheduleInterval",
    ]
    assert [problem.field for problem in problems if problem.level == WARNING] == ["airflowConfg"]
    assert all(problem.way_out for problem in problems)
    assert CANARY not in repr(problems)


def test_what_is_missing_because_it_is_misspelt_is_one_problem() -> None:
    document = {"pipelineTyp" if name == "pipelineType" else name: value for name, value in SAMPLE.items()}
    (problem,) = [each for each in validate(document, OPEN) if "pipelineTyp" in str(each.field)]
    assert (problem.field, problem.level, problem.meant) == ("pipelineTyp", ERROR, "pipelineType")


def test_a_connection_of_the_operator_s_makes_up_for_a_missing_server() -> None:
    document = {name: value for name, value in SAMPLE.items() if name != "openMetadataServerConnection"}
    assert [problem.field for problem in validate(document, OPEN)] == ["openMetadataServerConnection"]
    assert validate(document, Allowed(env=("*",), server_connection="om")) == []


def test_of_a_hostile_document_few_names_are_compared() -> None:
    unknown = {f"futureField{number}": number for number in range(50_000)}
    # What is compared at all is seen by where the one misspelt name stands among the unknown ones.
    first, last = ({"id": PIPELINE_ID, "pipelineTyp": 1, **unknown}, {"id": PIPELINE_ID, **unknown, "pipelineTyp": 1})
    assert [problem.field for problem in validate({**first, **SAMPLE}, OPEN)] == ["pipelineTyp"]
    assert validate({**last, **SAMPLE}, OPEN) == []


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, [[]], {"$env": "A"}, True, {"config": []}, {"runner": 1}])
@pytest.mark.parametrize("field", [*SAMPLE, "dagFactory", "updatedAt"])
def test_no_kind_of_value_makes_it_fail(field: str, value: object) -> None:
    before = copy.deepcopy(value)
    for problem in validate({**SAMPLE, field: value}, OPEN):
        assert problem.problem
        assert problem.way_out
    assert value == before


# Good values and bad ones, where a document most often differs from another.
VALUES: dict[str, list[Any]] = {
    "name": ["orders", "a b", "..", "", None, 3],
    "pipelineType": ["metadata", "dbt", "profiler", "application", "dataInsight", None],
    "service": [SAMPLE["service"], {"type": "messagingService", "name": "k"}, {"name": ""}, None, "s"],
    "sourceConfig": [
        SAMPLE["sourceConfig"],
        {"config": {}},
        {"config": {"type": "DBT"}},
        {"config": {"type": "Profiler"}},
        {"config": {"sourcePythonClass": "metadata.applications.auto_tagger.AutoTaggerApp"}},
        {"config": {"$env": "A"}},
        {},
        None,
    ],
    "openMetadataServerConnection": [
        SAMPLE["openMetadataServerConnection"],
        {"hostPort": "http://om/api"},
        {"hostPort": "om"},
        {"$env": "A"},
        None,
    ],
    "enabled": [True, False, None, "yes"],
    "raiseOnError": [True, None, "no", {"$env": "FLAG"}],
    "dagFactory": [None, {}, {"runner": {"pool": "p"}}, {"runner": {"executor": "None"}}, {"runner": {"python": "x"}}],
}
SCHEDULES: dict[str, list[Any]] = {
    "scheduleInterval": [None, "", "@daily", "@once", "@continuous", "0 0 * * *", "0 0 30 2 *", "* * * * * *", "L"],
    "pipelineTimezone": [None, "UTC", "Europe/Berlin", "+02:00", "", "Mars"],
    "startDate": [None, "2027-01-01", "2027-01-01T00:00:00Z", "1800-01-01", "x"],
    "endDate": [None, "2027-06-01", "2026-01-01", "2027-01-01"],
    "maxActiveRuns": [None, 1, 5, 0, "2"],
    "retries": [None, 0, 3, -1, True],
    "email": [None, "a@example.com", "a", ["a@example.com", "b@example.com"]],
}
documents = st.fixed_dictionaries(
    {},
    optional={
        **{field: st.sampled_from(values) for field, values in VALUES.items()},
        "airflowConfig": st.fixed_dictionaries(
            {}, optional={field: st.sampled_from(values) for field, values in SCHEDULES.items()}
        ),
    },
).map(lambda fields: {**copy.deepcopy(SAMPLE), **copy.deepcopy(fields)})


@given(documents)
def test_what_is_valid_can_be_built_and_begins_to_run(document: dict[str, Any]) -> None:
    verdict = examine(document, OPEN)
    config = Config("orders", "orders.json", document)
    if verdict.errors:
        assert verdict.pipeline is None
        return
    build_dag(config, OPEN).validate()
    names = {"OPENMETADATA_HOST_PORT": "http://om/api", "OPENMETADATA_JWT_TOKEN": "a.b.c", "FLAG": "true"}
    os.environ.update(names)
    resolved = resolve(document, "orders", keys=OPEN.keys, permit=OPEN.check_reference, on_secret=lambda secret: None)
    assert require_server(resolved)["hostPort"]
    OPEN.check_application(resolved)
