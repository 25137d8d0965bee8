"""OpenMetadata's pipeline types: for each the task that runs it, its workflow, and the workflow's steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dag_factory.errors import ConfigError
from dag_factory.portable.openmetadata.python_classes import check_application
from dag_factory.portable.openmetadata.source_configs import misfit, source_config_type

if TYPE_CHECKING:
    from dag_factory.configs.document import Document


@dataclass(frozen=True)
class Service:
    """
    The service whose metadata is ingested, as the OpenMetadata server knows it.

    :param source_type: the kind of source, such as ``postgres``
    :param connection: how to reach it, with its secrets
    """

    name: str
    source_type: str
    connection: Document


@dataclass(frozen=True)
class Resources:
    """
    What the steps of a workflow may use.

    :param service: asks the server for the pipeline's service; steps that need none don't call it
    :param staging: makes a folder for this run only, which is removed after it, in a location or where None is
    :param allowed_applications: prefixes of the Python classes that a document may name
    """

    service: Callable[[], Service]
    staging: Callable[[str | None], Path]
    allowed_applications: Sequence[str] = ()


@dataclass(frozen=True)
class PipelineType:
    """
    One pipeline type.

    :param task_id: id of the task; the OpenMetadata server asks for logs by it
    :param workflow: dotted path of the class in openmetadata-ingestion
    :param source_config: suffix of the names of its source config's models; the kind of service precedes it
    :param steps: returns the type's own part of the workflow's config (source, processor, sink, ...) from the document
    """

    task_id: str
    workflow: str
    source_config: str
    steps: Callable[[Document, Resources], Document]


def _metadata(document: Document, resources: Resources) -> Document:
    return {"source": _source(document, resources.service()), "sink": _SINK}


def _dbt(document: Document, resources: Resources) -> Document:
    return {"source": {**_source(document, resources.service()), "type": "dbt"}, "sink": _SINK}


def _lineage(document: Document, resources: Resources) -> Document:
    return {"source": _source(document, resources.service(), "-lineage"), "sink": _SINK}


def _policy_agent(document: Document, resources: Resources) -> Document:
    return {"source": _source(document, resources.service(), "-policy"), "sink": _SINK}


def _usage(document: Document, resources: Resources) -> Document:
    location = source_config_of(document)["config"].get("stageFileLocation")
    source = _source(document, resources.service(), "-usage")
    # The schema's default is the same for all pipelines, and the workflow empties the folder that it is given, and
    # removes it at its end. So each run gets one of its own in it.
    staging = {"filename": str(resources.staging(location or None) / "queries")}
    return {
        "source": source,
        "processor": {"type": "query-parser", "config": {}},
        "stage": {"type": "table-usage", "config": staging},
        "bulkSink": {"type": "metadata-usage", "config": staging},
    }


def _profiler(document: Document, resources: Resources) -> Document:
    return {**_metadata(document, resources), "processor": {"type": "orm-profiler", "config": {}}}


def _auto_classification(document: Document, resources: Resources) -> Document:
    return {**_metadata(document, resources), "processor": {"type": "tag-pii-processor", "config": {}}}


def _test_suite(document: Document, resources: Resources) -> Document:
    # The workflow itself finds the service of each table that the suite tests.
    return {
        "source": {
            "type": "testSuite",
            "serviceName": _service_name(document),
            "sourceConfig": source_config_of(document),
        },
        "processor": {"type": "orm-test-runner", "config": {}},
        "sink": _SINK,
    }


def _reindex(document: Document, resources: Resources) -> Document:
    source = {
        "type": "metadata_elasticsearch",
        "serviceName": _service_name(document),
        "serviceConnection": {"config": {"type": "MetadataES"}},
        "sourceConfig": source_config_of(document),
    }
    return {"source": source, "sink": _SINK}


def _application(document: Document, resources: Resources) -> Document:
    config = source_config_of(document)["config"]
    # Checked again here, since the class may come from a trigger's conf.
    check_application(document, resources.allowed_applications)
    return {name: config.get(name) for name in ("sourcePythonClass", "appConfig", "appPrivateConfig")}


def _source(document: Document, service: Service, suffix: str = "") -> Document:
    return {
        "type": f"{service.source_type}{suffix}",
        "serviceName": service.name,
        "serviceConnection": service.connection,
        "sourceConfig": source_config_of(document),
    }


def source_config_of(document: Document) -> Document:
    """
    Return a document's source config, with the type that servers before 2.1 may leave out.

    Without a type, openmetadata-ingestion takes the first source config that has the fields: DatabaseMetadata for an
    empty one, even of a dashboard service.

    :raises ConfigError: where it is missing, or of a type that its pipeline type does not have
    """
    source_config = document.get("sourceConfig")
    if not isinstance(source_config, dict) or not isinstance(source_config.get("config"), dict):
        raise ConfigError('is missing. Write {"config": {"type": …, …}}', field="sourceConfig")
    config, service = source_config["config"], document.get("service")
    pipeline_and_service = document.get("pipelineType"), service.get("type") if isinstance(service, dict) else None
    if wrong := misfit(*pipeline_and_service, config.get("type")):
        raise ConfigError(". ".join(wrong), field="sourceConfig.config.type")
    said = config.get("type") or source_config_type(*pipeline_and_service)
    return {**source_config, "config": {**config, "type": said}} if said else source_config


def _service_name(document: Document) -> str:
    return str(document["service"].get("fullyQualifiedName") or document["service"]["name"])


_SINK = {"type": "metadata-rest", "config": {}}
_MODULES = "metadata.workflow"
_METADATA = f"{_MODULES}.metadata.MetadataWorkflow"

# The names, task ids and classes are those that the OpenMetadata server and openmetadata-ingestion know.
PIPELINE_TYPES = {
    "metadata": PipelineType("ingestion_task", _METADATA, "ServiceMetadataPipeline", _metadata),
    "dbt": PipelineType("dbt_task", _METADATA, "DbtPipeline", _dbt),
    "lineage": PipelineType("lineage_task", _METADATA, "ServiceQueryLineagePipeline", _lineage),
    "usage": PipelineType("usage_task", f"{_MODULES}.usage.UsageWorkflow", "ServiceQueryUsagePipeline", _usage),
    "profiler": PipelineType(
        "profiler_task", f"{_MODULES}.profiler.ProfilerWorkflow", "ServiceProfilerPipeline", _profiler
    ),
    "autoClassification": PipelineType(
        "auto_classification_task",
        f"{_MODULES}.classification.AutoClassificationWorkflow",
        "ServiceAutoClassificationPipeline",
        _auto_classification,
    ),
    "TestSuite": PipelineType(
        "test_suite_task", f"{_MODULES}.data_quality.TestSuiteWorkflow", "TestSuitePipeline", _test_suite
    ),
    "elasticSearchReindex": PipelineType(
        "elasticsearch_reindex_task", _METADATA, "MetadataToElasticSearchPipeline", _reindex
    ),
    "application": PipelineType(
        "application_task", f"{_MODULES}.application.ApplicationWorkflow", "ApplicationPipeline", _application
    ),
    "policyAgent": PipelineType("ingestion_task", _METADATA, "PolicyAgentPipeline", _policy_agent),
}

# Types that the server may still hold but nothing runs any more, each with the way out.
OBSOLETE_TYPES = {
    "dataInsight": "dataInsight has become an application. Install 'Data Insights' among OpenMetadata's applications "
    "and remove this pipeline",
}


def pipeline_type(name: str) -> PipelineType:
    """
    Return the pipeline type of a name.

    :raises ConfigError: where the type is unknown, or obsolete
    """
    try:
        return PIPELINE_TYPES[name]
    except KeyError:
        known = ", ".join(PIPELINE_TYPES)
        problem = OBSOLETE_TYPES.get(name, f"is not a type that can be run. Types: {known}")
        raise ConfigError(problem, field="pipelineType") from None
