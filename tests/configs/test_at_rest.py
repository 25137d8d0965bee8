from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dag_factory.configs.at_rest import sealed, sealed_values, without_secrets
from dag_factory.configs.pipeline import IngestionPipeline
from dag_factory.portable.secrets.references import FERNET
from tests.examples import examples
from tests.places import TESTS

SAMPLES = sorted((TESTS / "samples").glob("*.json"))
SAMPLE = json.loads((TESTS / "samples" / "pg_metadata_hourly.json").read_text())
CANARY = "canary"
FIELDS = set(IngestionPipeline.model_fields)

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
# What begins with $ may be a reference, whose form a document's reader checks.
keys = st.text().filter(lambda key: not key.startswith("$"))
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3))


def seal(value: str | float) -> dict[str, str]:
    return {FERNET: json.dumps(value)}


def unsealed(value: Any) -> Any:
    if isinstance(value, dict):
        return json.loads(value[FERNET]) if FERNET in value else {key: unsealed(child) for key, child in value.items()}
    return [unsealed(child) for child in value] if isinstance(value, list) else value


def at(path: str, value: Any) -> dict[str, Any]:
    """Return a sample's document with a value at a dotted path."""
    document: dict[str, Any] = copy.deepcopy(SAMPLE)
    *above, last = path.split(".")
    place = document
    for name in above:
        place = place.setdefault(name, {})
    place[last] = value
    return document


@pytest.mark.parametrize(
    "path",
    [
        "futureField",
        "sourceConfig.futureField",
        "sourceConfig.config.futureField",
        "sourceConfig.config.schemaFilterPattern.futureField",
        "sourceConfig.config.incremental.futureField",
        "sourceConfig.config.connectionOptions",
        "airflowConfig.futureField",
        "service.connection",
        "service.futureField",
        "ingestionRunner.futureField",
        "openMetadataServerConnection.futureField",
        "openMetadataServerConnection.securityConfig",
        "openMetadataServerConnection.extraHeaders",
        "openMetadataServerConnection.elasticsSearch.config",
        "changeDescription.fieldsUpdated",
        "sourceConfig.config.includeTables",
        "pipelineStatuses",
        "loggerLevel",
    ],
)
@settings(max_examples=examples(30))
@given(value=values)
def test_whatever_no_schema_knows_is_sealed_and_comes_back_as_it_was(path: str, value: Any) -> None:
    document = at(path, [value, {"a": [CANARY, 90210123.5, {"b": CANARY}]}])
    kept = sealed(document, seal)
    assert CANARY not in json.dumps(unsealed_parts_removed(kept))
    assert "90210123.5" not in json.dumps(unsealed_parts_removed(kept))
    assert repr(unsealed(kept)) == repr(document)


def unsealed_parts_removed(value: Any) -> Any:
    """Return what can be read of a document without a key."""
    if isinstance(value, dict):
        return {} if FERNET in value else {key: unsealed_parts_removed(child) for key, child in value.items()}
    return [unsealed_parts_removed(child) for child in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("sourceConfig.config.includeTables", False),
        ("sourceConfig.config.queryLogDuration", 7),
        ("sourceConfig.config.schemaFilterPattern", {"includes": ["^sales$", ""], "excludes": None}),
        ("sourceConfig.config.type", "DatabaseMetadata"),
        ("sourceConfig", {"config": {"type": "Application", "sourcePythonClass": "metadata.applications.A"}}),
        ("sourceConfig", {"config": {"type": "DatabaseUsage", "stageFileLocation": "/tmp/query_log"}}),
        ("openMetadataServerConnection.hostPort", "https://om.example:8585/api"),
        ("openMetadataServerConnection.secretsManagerProvider", "managed-aws-ssm"),
        ("openMetadataServerConnection.securityConfig", {"jwtToken": {"$env": "TOKEN"}}),
        ("openMetadataServerConnection.verifySSL", "no-ssl"),
        ("id", "3f2504e0-4f89-11d3-9a0c-0305e82c3301"),
        ("futureField", [True, None, "", {}, [], {"$env": "A"}, {"$fernet": "x"}]),
        ("href", "http://om.example/api/v1/services/ingestionPipelines/3f2504e0-4f89-11d3-9a0c-0305e82c3301"),
        # What our own model takes, though the schema says it otherwise.
        ("airflowConfig.retries", "3"),
        ("airflowConfig.startDate", 1_700_000_000),
        ("enabled", "true"),
        ("service.name", "token=1"),
        ("displayName", "https://user:pw@host"),
        ("dagFactory", {"runner": {"pool": "p", "priorityWeight": 5}}),
    ],
)
def test_what_is_harmless_or_what_a_dag_is_made_of_stays_readable(path: str, value: Any) -> None:
    kept: Any = sealed(at(path, value), seal)
    for name in path.split("."):
        kept = kept[name]
    assert kept == value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("description", f"Ask https://host/?access_token={CANARY}"),
        ("openMetadataServerConnection.hostPort", f"https://user:{CANARY}@om.example/api"),
        ("sourceConfig.config.schemaFilterPattern", {"includes": [f"token={CANARY}"]}),
        ("sourceConfig", {"config": {"type": "DatabaseUsage", "queryLogFilePath": f"s3://a?sig={CANARY}"}}),
        ("sourceConfig", {"config": {"type": "Application", "appPrivateConfig": {"a": [CANARY]}}}),
        ("sourceConfig", {"config": {"type": "Application", "appConfig": {"type": "New", "a": {"b": CANARY}}}}),
        ("sourceConfig", {"config": {"type": "Telepathy", "mind": CANARY}}),
        ("updatedBy", f"Bearer {CANARY}0123456789"),
        ("dagFactory", {"runner": {"password": CANARY}}),
    ],
)
def test_what_looks_like_a_secret_is_sealed_where_the_schema_allows_any_text(path: str, value: Any) -> None:
    document = at(path, value)
    assert CANARY not in json.dumps(unsealed_parts_removed(sealed(document, seal)))
    assert any(CANARY in text for text in sealed_values(document))
    assert CANARY not in json.dumps(without_secrets(document))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_of_a_servers_document_little_is_sealed(path: Path) -> None:
    document = json.loads(path.read_text())
    token = document["openMetadataServerConnection"]["securityConfig"]["jwtToken"]
    known_to_no_schema = {"AutoTagger", "80"} if path.stem == "openmetadata_application" else set()
    assert set(sealed_values(document)) == {token} | known_to_no_schema


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sealed_document_describes_the_same_pipeline(path: Path) -> None:
    document = json.loads(path.read_text())
    pipeline, kept = (IngestionPipeline.from_document(each) for each in (document, sealed(document, seal)))
    assert kept.model_dump(include=FIELDS) == pipeline.model_dump(include=FIELDS)
