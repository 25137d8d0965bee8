"""The pipeline types of OpenMetadata: for each the task that runs it, its workflow and that workflow's steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dag_factory.errors import ConfigError, WorkflowError

if TYPE_CHECKING:
    from dag_factory.document import Document


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
class PipelineType:
    """
    One pipeline type.

    :param task_id: id of the task; the OpenMetadata server asks for logs by it
    :param workflow: dotted path of the class in openmetadata-ingestion
    :param steps: makes the workflow's steps (source, processor, sink, ...) from the document and its service
    """

    task_id: str
    workflow: str
    steps: Callable[[Document, Service], Document]


def _metadata_steps(document: Document, service: Service) -> Document:
    return {
        "source": {
            "type": service.source_type,
            "serviceName": service.name,
            "serviceConnection": service.connection,
            "sourceConfig": _source_config(document),
        },
        "sink": {"type": "metadata-rest", "config": {}},
    }


def _source_config(document: Document) -> Document:
    source_config = document.get("sourceConfig")
    if not isinstance(source_config, dict) or not isinstance(source_config.get("config"), dict):
        raise ConfigError('is missing. Write {"config": {"type": …, …}}', field="sourceConfig")
    return source_config


def _not_yet(document: Document, service: Service) -> Document:
    raise WorkflowError(f"pipelines of type {document['pipelineType']} are shown, but can't be run by this version yet")


_METADATA = "metadata.workflow.metadata.MetadataWorkflow"

# The names, task ids and classes are those that the OpenMetadata server and openmetadata-ingestion know.
PIPELINE_TYPES = {
    "metadata": PipelineType("ingestion_task", _METADATA, _metadata_steps),
    "dbt": PipelineType("dbt_task", _METADATA, _not_yet),
    "lineage": PipelineType("lineage_task", _METADATA, _not_yet),
    "usage": PipelineType("usage_task", "metadata.workflow.usage.UsageWorkflow", _not_yet),
    "profiler": PipelineType("profiler_task", "metadata.workflow.profiler.ProfilerWorkflow", _not_yet),
    "autoClassification": PipelineType(
        "auto_classification_task", "metadata.workflow.classification.AutoClassificationWorkflow", _not_yet
    ),
    "TestSuite": PipelineType("test_suite_task", "metadata.workflow.data_quality.TestSuiteWorkflow", _not_yet),
    "elasticSearchReindex": PipelineType("elasticsearch_reindex_task", _METADATA, _not_yet),
    "application": PipelineType("application_task", "metadata.workflow.application.ApplicationWorkflow", _not_yet),
    "policyAgent": PipelineType("ingestion_task", _METADATA, _not_yet),
}

# Types that the server may still hold but nothing runs any more, each with the way out.
OBSOLETE_TYPES = {
    "dataInsight": "dataInsight has become an application. Install 'Data Insights' among OpenMetadata's applications "
    "and remove this pipeline",
}


def pipeline_type(name: str) -> PipelineType:
    """
    Return the pipeline type of a name.

    :raises ConfigError: where there is no such type, or no longer
    """
    try:
        return PIPELINE_TYPES[name]
    except KeyError:
        known = ", ".join(PIPELINE_TYPES)
        problem = OBSOLETE_TYPES.get(name, f"is no type that can be run. Types: {known}")
        raise ConfigError(problem, field="pipelineType") from None
