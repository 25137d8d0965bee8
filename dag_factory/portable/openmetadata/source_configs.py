"""
Which source config a pipeline has, by its type and the kind of its service.

These are facts of openmetadata-ingestion: `tests/portable/openmetadata/test_source_configs.py` compares them with the
installed version.
"""

from __future__ import annotations

from collections.abc import Mapping

_METADATA = {
    "apiService": "ApiMetadata",
    "dashboardService": "DashboardMetadata",
    "databaseService": "DatabaseMetadata",
    "driveService": "DriveMetadata",
    "mcpService": "McpMetadata",
    "messagingService": "MessagingMetadata",
    # Another catalogue, such as Atlas, or OpenMetadata itself, as in openmetadata-ingestion's examples.
    "metadataService": "DatabaseMetadata",
    "mlmodelService": "MlModelMetadata",
    "pipelineService": "PipelineMetadata",
    "searchService": "SearchMetadata",
    "storageService": "StorageMetadata",
}
_CLASSIFIED = ("databaseService", "messagingService", "storageService")

BY_SERVICE: Mapping[str, Mapping[str, str]] = {
    "metadata": _METADATA,
    "lineage": {"databaseService": "DatabaseLineage"},
    "usage": {"databaseService": "DatabaseUsage"},
    "profiler": {"databaseService": "Profiler"},
    "autoClassification": dict.fromkeys(_CLASSIFIED, "AutoClassification"),
    "dbt": {"databaseService": "DBT"},
    "policyAgent": {"databaseService": "PolicyAgent"},
}
"""By pipelineType, the ``type`` of the source config for each kind of service that such a pipeline can have."""

FOR_ANY_SERVICE: Mapping[str, str] = {
    "TestSuite": "TestSuite",
    "application": "Application",
    "elasticSearchReindex": "MetadataToElasticSearch",
}
"""By pipelineType, the ``type`` of the source config for any service."""

KINDS_OF_SERVICES = (*_METADATA, "llmService", "securityService")
"""The OpenMetadata server's values of ``service.type``, in its spelling. There is also ``testSuite``."""

_SPELLING = {kind.lower(): kind for kind in KINDS_OF_SERVICES}
_KNOWN = {*FOR_ANY_SERVICE.values(), *(each for types in BY_SERVICE.values() for each in types.values())}


def in_server_spelling(service_type: str) -> str:
    """Return a kind of service as the server spells it, such as ``mlmodelService``; an unknown one as it is."""
    return _SPELLING.get(service_type.lower(), service_type)


def types_of(pipeline_type: str) -> tuple[str, ...]:
    """Return the values of ``type`` in the source configs of a pipeline type, none for an unknown pipeline type."""
    if pipeline_type in FOR_ANY_SERVICE:
        return (FOR_ANY_SERVICE[pipeline_type],)
    return tuple(dict.fromkeys(BY_SERVICE.get(pipeline_type, {}).values()))


def source_config_type(pipeline_type: object, service_type: object) -> str | None:
    """Return the ``type`` that a pipeline's source config has; None where it is unknown for such a service."""
    if not isinstance(pipeline_type, str):
        return None
    by_service = BY_SERVICE.get(pipeline_type, {})
    kind = in_server_spelling(service_type) if isinstance(service_type, str) else ""
    return FOR_ANY_SERVICE.get(pipeline_type) or by_service.get(kind)


def misfit(pipeline_type: object, service_type: object, said: object) -> tuple[str, str] | None:
    """
    Return what is wrong with the ``type`` of a pipeline's source config, and the way out; None where it is right.

    An unknown ``type`` counts as right, since a newer openmetadata-ingestion may know it. So does a missing one, which
    becomes `source_config_type`.

    :param said: the document's ``sourceConfig.config.type``
    """
    if not isinstance(pipeline_type, str) or not isinstance(said, str) or said not in _KNOWN:
        return None
    if said not in types_of(pipeline_type):
        right = source_config_type(pipeline_type, service_type) or " or ".join(types_of(pipeline_type))
        problem = f"is not the type of a pipeline whose pipelineType is {pipeline_type}"
        return (problem, f"Write {right}, or another pipelineType") if right else None
    if pipeline_type in FOR_ANY_SERVICE or not isinstance(service_type, str):
        return None
    kind = in_server_spelling(service_type)
    wanted = source_config_type(pipeline_type, kind)
    if wanted == said or kind not in KINDS_OF_SERVICES:
        return None
    if wanted:
        return f"is not for a {kind}", f"Write {wanted}, or another service.type"
    kinds = " or ".join(BY_SERVICE[pipeline_type])
    return f"is not for a {kind}", f"A pipeline whose pipelineType is {pipeline_type} is for a {kinds}"
