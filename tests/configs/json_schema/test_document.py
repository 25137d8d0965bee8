"""What the schema for editors accepts is what the validation accepts, but for what `docs/editor.md` lists."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import yaml
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from dag_factory.configs.allowed import Allowed
from dag_factory.configs.document import parse
from dag_factory.configs.ingestion_versions import IngestionVersions
from dag_factory.configs.json_schema.document import config_schema, defaults_schema
from dag_factory.configs.pipeline import AirflowConfig, DagFactory, IngestionPipeline, Runner
from dag_factory.configs.problem import ERROR, MISSING, Problem
from dag_factory.configs.schemas import VERSIONS, newest, of_version
from dag_factory.configs.validation.source_config import misfits_and_doubts
from dag_factory.configs.validation.validator import validate
from dag_factory.errors import ConfigError
from dag_factory.portable.openmetadata.pipeline_types import PIPELINE_TYPES
from dag_factory.portable.secrets.references import encrypted, is_reference
from dag_factory.portable.secrets.sealing import Keys
from tests.configs.validation.test_authors_mistakes import DEFAULTS, MISTAKES
from tests.documents import REST, SERVER
from tests.mutated_documents import VALUES, documents
from tests.places import ROOT, TESTS

SCHEMA = config_schema(newest())
VALIDATOR = jsonschema_rs.Draft7Validator(SCHEMA)
KEYS = Keys(Fernet.generate_key().decode())
OPEN = Allowed(env=("*",), connections=("*",), applications=("metadata.",), keys=KEYS)
GOOD: dict[str, Any] = {
    "name": "orders",
    "pipelineType": "metadata",
    "service": {"type": "databaseService", "name": "orders"},
    **REST,
}


def errors(document: Any) -> list[str]:
    """Return where the schema refuses a document, as dotted paths."""
    return sorted({".".join(map(str, error.instance_path)) for error in VALIDATOR.iter_errors(document)})


def wrong(document: dict[str, Any]) -> list[Problem]:
    return [problem for problem in validate(document, OPEN) if problem.level == ERROR]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where values are that openmetadata-ingestion's models, or Pydantic, read as another kind."""
    if isinstance(value, (dict, list)) and not is_reference(value):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(child, (*path, key))
    elif isinstance(value, (int, float)) or value == "5":
        yield path


def without(value: Any, path: tuple[Any, ...]) -> Any:
    changed = copy.deepcopy(value)
    *above, last = path
    place = changed
    for key in above:
        place = place[key]
    place[last] = None
    return changed


def is_lenient(document: dict[str, Any]) -> bool:
    """Return whether the schema refuses a document only for a value that is not of its own kind."""
    return any(VALIDATOR.is_valid(without(document, path)) for path in leaves(document))


def is_unknown(document: dict[str, Any]) -> bool:
    """Return whether the schema refuses a document only for fields that are unknown."""
    return all("additionalProperties" in error.schema_path for error in VALIDATOR.iter_errors(document))


def test_it_is_a_schema_itself() -> None:
    for schema in (SCHEMA, defaults_schema(newest())):
        jsonschema_rs.meta.validate(schema)


@pytest.mark.parametrize("path", sorted((TESTS / "samples").glob("*.json")), ids=lambda path: path.stem)
def test_a_document_of_a_server_passes_if_it_is_good(path: Any) -> None:
    document = json.loads(path.read_text())
    document.setdefault("openMetadataServerConnection", SERVER)
    if wrong(document):
        assert document["pipelineType"] == "dataInsight"
        return
    assert errors(document) == []


def test_the_sample_of_the_default_store_passes() -> None:
    assert errors(json.loads((ROOT / "configs" / "sample_sqlite_metadata.json").read_text())) == []


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_there_is_one_for_each_version_and_each_pipeline_type(version: tuple[int, int]) -> None:
    schemas = of_version(".".join(map(str, version)))
    for name in PIPELINE_TYPES:
        if not schemas.source_configs(name):
            continue
        schema = config_schema(schemas, pipeline_type=name)
        check = jsonschema_rs.Draft7Validator(schema)
        for service, model in schemas.source_configs(name).items():
            said = schemas.values(schemas.fields(model)["type"])[0]
            kind = "databaseService" if service == "*" else service
            config = {**GOOD, "service": {"type": kind, "name": "a"}, "sourceConfig": {"config": {"type": said}}}
            assert check.is_valid({**config, "pipelineType": name}), (name, service)
            config["sourceConfig"]["config"]["tpye"] = said
            assert not check.is_valid({**config, "pipelineType": name}), (name, service)
            del config["pipelineType"]
            config["sourceConfig"]["config"] = {"type": said}
            assert check.is_valid(config), (name, service)


def test_every_source_config_is_judged_as_the_validation_judges_it() -> None:
    versions = IngestionVersions()
    count = 0
    for document in documents():
        count += 1
        found = misfits_and_doubts(document, versions)
        is_refused = any(each.level == ERROR and each.kind != MISSING for each in found)
        if is_refused:
            assert errors(document), (document["sourceConfig"], [str(each) for each in found])
        elif not found and errors(document):
            assert is_lenient(document), (document["sourceConfig"], errors(document))
    assert count > 2000


def fields_of_ours() -> Iterator[tuple[tuple[str, ...], type[Any]]]:
    yield (), IngestionPipeline
    yield ("airflowConfig",), AirflowConfig
    yield ("dagFactory",), DagFactory
    yield ("dagFactory", "runner"), Runner


PLACES = [(*path, str(field.alias)) for path, model in fields_of_ours() for field in model.model_fields.values()]
MORE: list[Any] = [None, "", "in_process", "/x", "2027-01-31", -1, 2**40, {"$env": "X"}, {"name": "a"}, [{"name": "a"}]]
# Texts of which only the validation knows whether they are right: crons, timezones, executors, addresses.
ONLY_VALIDATION = {"airflowConfig.scheduleInterval", "airflowConfig.pipelineTimezone", "airflowConfig.email",
                   "airflowConfig.startDate", "airflowConfig.endDate", "dagFactory.runner.executor", "name",
                   "sourceConfig.config.type"}  # fmt: skip


@pytest.mark.parametrize("place", PLACES, ids=".".join)
def test_every_field_of_our_models_is_judged_as_the_validation_judges_it(place: tuple[str, ...]) -> None:
    for value in [*VALUES, *MORE]:
        document: dict[str, Any] = copy.deepcopy(GOOD)
        *above, last = place
        inner = document
        for name in above:
            inner = inner.setdefault(name, {})
        inner[last] = value
        said = [problem for problem in wrong(document) if problem.kind != MISSING]
        found = errors(document)
        if said and not all(problem.field in ONLY_VALIDATION for problem in said):
            assert found, (value, [str(problem) for problem in said])
        if not wrong(document) and found:
            assert is_lenient(document) or is_unknown(document), (value, found)


references = st.sampled_from([
    {"$env": "A"}, {"$connection": "a", "field": "password"}, {"$connection": "a", "field": "extra.x"},
    encrypted("x", "orders", KEYS), encrypted(1, "orders", KEYS),
    {"$env": ""}, {"$env": 1}, {"$env": "A", "b": 1}, {"$connection": "a"}, {"$connection": "a", "field": "passwort"},
    {"$fernet": "x", "as": "text"}, {"$conection": "a", "field": "password"},
])  # fmt: skip
REFERABLE = [
    ("openMetadataServerConnection", "hostPort"),
    ("openMetadataServerConnection", "securityConfig"),
    ("openMetadataServerConnection", "securityConfig", "jwtToken"),
    ("sourceConfig", "config", "includeViews"),
    ("sourceConfig", "config", "databaseFilterPattern"),
    ("sourceConfig", "config", "threads"),
    ("sourceConfig",),
    ("sourceConfig", "config"),
    ("description",),
    ("owners",),
    ("service",),
    ("service", "name"),
    ("airflowConfig", "retries"),
    ("dagFactory", "runner", "pool"),
    ("loggerLevel",),
    ("enabled",),
]


@given(st.sampled_from(REFERABLE), references)
def test_a_reference_may_stand_where_the_validation_takes_it(place: tuple[str, ...], reference: dict[str, Any]) -> None:
    document: dict[str, Any] = copy.deepcopy(GOOD)
    *above, last = place
    inner = document
    for name in above:
        inner = inner.setdefault(name, {})
    inner[last] = reference
    try:
        # A malformed one is found when the file is read.
        parse(json.dumps(document).encode(), "a.json")
        is_good = not wrong(document)
    except ConfigError:
        is_good = False
    assert (errors(document) == []) == is_good


def test_in_defaults_nothing_is_required_and_nothing_encrypted() -> None:
    check = jsonschema_rs.Draft7Validator(defaults_schema(newest()))
    assert check.is_valid({})
    assert check.is_valid(yaml.safe_load(DEFAULTS))
    token = {"openMetadataServerConnection": {"securityConfig": {"jwtToken": {"$fernet": "x"}}}}
    assert not check.is_valid(token)
    assert VALIDATOR.is_valid({**GOOD, **token})
    assert not VALIDATOR.is_valid({})


def test_every_field_has_a_description() -> None:
    missing = [
        f"{path}.{name}"
        for path, properties in objects(SCHEMA, "")
        for name, schema in properties.items()
        if "description" not in schema and "description" not in SCHEMA["definitions"].get(_ref(schema), {})
    ]
    # Those that openmetadata-ingestion's models don't describe.
    assert len(missing) < 0.15 * sum(len(properties) for _, properties in objects(SCHEMA, "")), missing
    described_by_nobody = {".provider", "properties.openMetadataServerConnection.extraHeaders"}
    assert {each for each in missing if not each.startswith("definitions.")} <= described_by_nobody


def objects(schema: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict) and "additionalProperties" in schema:
            yield path, schema["properties"]
        for name, child in schema.items():
            yield from objects(child, f"{path}.{name}" if path else name)
    elif isinstance(schema, list):
        for child in schema:
            yield from objects(child, path)


def _ref(schema: dict[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


# Of an author's mistakes, those that only the validation sees, by what it says of them. `docs/editor.md` lists them.
ONLY_VALIDATION_SEES = [
    r"fields.*Write five", r"'.*five", r"matches no date", r"is not a cron expression", r"is not a timezone",
    r"lies before startDate", r"nothing is scheduled",
    r"'airflowConfig.maxActiveRuns'", r"is not an e-mail address", r"is not a regular",
    r"is longer than the 300 s", r"'sourceConfig.config.type'", r"'openMetadataServerConnection'.*is missing",
    r"in the cl", r"encrypt --dag-id", r"in place of a secret", r"so the server refuses", r"End it with /api",
    r"'service.type'\.\*is not a$", r"owners\.0\.type'", r"has no name", r"runs every minute",
    r"Write seconds", r"wait for",
    r"more than 1000 runs", r"spread'.*has no effect",
    r"sourcePythonClass'.*is missing", r"Add /api", r"jwtToken'\.\*Write", r"allowed_\w+",
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_an_author_s_mistake_is_underlined_or_known_to_be_for_the_validation(number: int) -> None:
    text, _, words = MISTAKES[number]
    try:
        document = parse(text.encode(), "orders.yaml")
    except ConfigError:
        return  # it is not YAML, which an editor sees by itself
    is_for_validation = any(re.search(said, words) for said in ONLY_VALIDATION_SEES)
    assert bool(errors(document)) is not is_for_validation, (text, words)
