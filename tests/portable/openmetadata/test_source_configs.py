"""Which source config belongs to which pipeline type and kind of service."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from dag_factory.configs.validation.validator import validate
from dag_factory.portable.openmetadata.pipeline_types import PIPELINE_TYPES
from dag_factory.portable.openmetadata.source_configs import (
    BY_SERVICE,
    FOR_ANY_SERVICE,
    KINDS_OF_SERVICES,
    in_server_spelling,
    misfit,
    source_config_type,
)
from tests.forked_python import ForkedPython

FACTS = """
import json
from typing import get_args
from metadata.generated.schema.entity.services.serviceType import ServiceType
from metadata.generated.schema.metadataIngestion.workflow import SourceConfig

models = [model for model in get_args(SourceConfig.model_fields["config"].annotation) if model is not type(None)]
said = {}
for model in models:
    for each in get_args(model.model_fields["type"].annotation) or [model.model_fields["type"].annotation]:
        for value in getattr(each, "__members__", {}).values():
            said[model.__name__] = value.value
print(json.dumps([said, [kind.value for kind in ServiceType]]))
"""

EXAMPLES = """
import json, sys
from pathlib import Path
import metadata, yaml
from metadata.utils.class_helper import get_service_type_from_source_type

found = {}
for path in sorted(Path(metadata.__path__[0], "examples", "workflows").glob("*.yaml")):
    source = yaml.safe_load(path.read_text()).get("source") or {}
    kind = get_service_type_from_source_type(str(source.get("type")).lower())
    config = (source.get("sourceConfig") or {}).get("config") or {}
    if kind is not None and kind.value != "TestSuite":
        found[path.stem] = [source["type"].lower(), f"{kind.value}Service", config.get("type")]
print(json.dumps(found))
"""

# Neither of an ingestion pipeline that is scheduled: one has become an application, one is an automation's.
NOT_SCHEDULED = {"dataInsight", "ReverseIngestion"}


@pytest.fixture(scope="module")
def facts(forked_ingestion: ForkedPython) -> tuple[dict[str, str], list[str]]:
    """The type of each source config by the name of its model, and the kinds of services."""
    done = forked_ingestion.run(FACTS, env=os.environ)
    assert done.returncode == 0, done.stderr
    said, kinds = json.loads(done.stdout.splitlines()[-1])
    return said, kinds


def kind_of(model: str) -> str:
    """Return the kind of service of a model such as DashboardServiceMetadataPipeline."""
    return in_server_spelling(f"{model.partition('Service')[0]}Service")


def test_the_table_has_every_source_config_that_openmetadata_ingestion_has(
    facts: tuple[dict[str, str], list[str]],
) -> None:
    said, _ = facts
    by_kind = {(kind_of(model), each) for model, each in said.items() if "Service" in model}
    ours = {
        (kind, each)
        for name, types in BY_SERVICE.items()
        for kind, each in types.items()
        # Some models are for databases, and don't say so; metadata services have that of databases.
        if name not in ("dbt", "policyAgent") and kind != "metadataService"
    }
    assert ours == by_kind
    others = {each for model, each in said.items() if "Service" not in model} - NOT_SCHEDULED
    assert {*FOR_ANY_SERVICE.values(), "DBT", "PolicyAgent"} == others


def test_openmetadata_ingestion_s_own_examples_have_the_source_config_that_the_table_says(
    forked_ingestion: ForkedPython,
) -> None:
    done = forked_ingestion.run(EXAMPLES, env=os.environ)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    kinds = {kind for _, kind, said in found.values() if said}
    assert len(found) > 90
    assert {"DatabaseService", "DashboardService", "MetadataService", "DriveService", "MlModelService"} <= kinds
    for name, (source, kind, said) in found.items():
        by_suffix = next((each for each in ("usage", "lineage") if source.endswith(f"-{each}")), "metadata")
        by_config = {"Profiler": "profiler", "AutoClassification": "autoClassification", "DBT": "dbt"}
        pipeline_type = by_config.get(said, by_suffix)
        assert misfit(pipeline_type, kind, said) is None, name
        assert said in (None, source_config_type(pipeline_type, kind)), name


def test_the_table_has_every_pipeline_type_and_every_kind_of_service(facts: tuple[dict[str, str], list[str]]) -> None:
    assert {*BY_SERVICE, *FOR_ANY_SERVICE} == set(PIPELINE_TYPES)
    assert {kind.lower() for kind in KINDS_OF_SERVICES} == {f"{kind}service".lower() for kind in facts[1]}


@pytest.mark.parametrize(
    ("pipeline_type", "service_type", "wanted"),
    [
        ("metadata", "dashboardService", "DashboardMetadata"),
        ("metadata", "mlmodelService", "MlModelMetadata"),
        ("metadata", "mlModelService", "MlModelMetadata"),
        ("autoClassification", "storageService", "AutoClassification"),
        ("TestSuite", "testSuite", "TestSuite"),
        ("application", "metadataService", "Application"),
        ("metadata", "metadataService", "DatabaseMetadata"),
        ("lineage", "dashboardService", None),
        ("metadata", "securityService", None),
        ("metadata", "telepathyService", None),
        ("telepathy", "databaseService", None),
        ("metadata", None, None),
        (["metadata"], "databaseService", None),
    ],
)
def test_a_pipeline_s_type_and_service_say_what_its_source_config_is(
    pipeline_type: Any, service_type: Any, wanted: str | None
) -> None:
    assert source_config_type(pipeline_type, service_type) == wanted
    assert wanted is None or misfit(pipeline_type, service_type, wanted) is None


@pytest.mark.parametrize(
    ("pipeline_type", "service_type", "said", "wrong"),
    [
        (
            "metadata",
            "messagingService",
            "DashboardMetadata",
            ("is not for a messagingService", "Write MessagingMetadata, or another service.type"),
        ),
        (
            "lineage",
            "databaseService",
            "DatabaseMetadata",
            (
                "is not the type of a pipeline whose pipelineType is lineage",
                "Write DatabaseLineage, or another pipelineType",
            ),
        ),
        (
            "application",
            None,
            "DBT",
            (
                "is not the type of a pipeline whose pipelineType is application",
                "Write Application, or another pipelineType",
            ),
        ),
        (
            "profiler",
            "dashboardService",
            "Profiler",
            ("is not for a dashboardService", "A pipeline whose pipelineType is profiler is for a databaseService"),
        ),
        (
            "autoClassification",
            "mlModelService",
            "AutoClassification",
            (
                "is not for a mlmodelService",
                "A pipeline whose pipelineType is autoClassification is for a databaseService or messagingService or "
                "storageService",
            ),
        ),
    ],
)
def test_a_source_config_of_another_pipeline_type_or_kind_is_named_with_the_right_one(
    pipeline_type: str, service_type: str | None, said: str, wrong: tuple[str, str]
) -> None:
    assert misfit(pipeline_type, service_type, said) == wrong


@pytest.mark.parametrize("said", [None, "", 7, ["DatabaseMetadata"], "DashboardLineage"])
def test_what_is_missing_or_unknown_is_left_to_openmetadata_ingestion(said: object) -> None:
    assert misfit("lineage", "dashboardService", said) is None
    assert misfit("metadata", "dashboardService", said) is None


def test_a_type_or_a_service_of_a_newer_server_is_left_to_openmetadata_ingestion() -> None:
    assert misfit("telepathy", "databaseService", "DatabaseMetadata") is None
    assert misfit("metadata", "telepathyService", "DatabaseMetadata") is None
    assert misfit("metadata", None, "DatabaseMetadata") is None


@pytest.mark.parametrize(
    ("service_type", "said", "text"),
    [
        ("dashboardService", "DatabaseMetadata", "is not for a dashboardService. Write DashboardMetadata"),
        ("securityService", "DatabaseMetadata", "is not for a securityService. A pipeline whose pipelineType is"),
        ("databaseService", "Profiler", "is not the type of a pipeline whose pipelineType is metadata. Write Database"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_runs(service_type: str, said: str, text: str) -> None:
    document = {
        "name": "load",
        "pipelineType": "metadata",
        "service": {"type": service_type, "name": "ours"},
        "sourceConfig": {"config": {"type": said}},
        "openMetadataServerConnection": {"hostPort": "http://om.example/api", "authProvider": "no-auth"},
    }
    (problem,) = (each for each in validate(document) if each.level == "error")
    assert problem.field == "sourceConfig.config.type"
    assert problem.text.startswith(text)
