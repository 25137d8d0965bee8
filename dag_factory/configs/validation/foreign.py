"""Files that users may take for configs: workflows of ``metadata ingest``, and a server's lists of pipelines."""

from __future__ import annotations

from collections.abc import Iterator

from dag_factory.configs.document import Document
from dag_factory.configs.problem import Problem

_WAY_OUT = (
    "Write a config of these fields: name; pipelineType: metadata; service: {{type: {service}, name: {name}}}; "
    "sourceConfig: what stands in source.sourceConfig; openMetadataServerConnection: what stands in "
    "workflowConfig.openMetadataServerConfig. What stands in source.serviceConnection is kept by OpenMetadata, with "
    "the service"
)
_SUFFIX = "Metadata"


def workflow(document: Document) -> Iterator[Problem]:
    """Yield an error for a workflow of ``metadata ingest``, ``metadata profile`` and the like."""
    source = document.get("source")
    if isinstance(source, dict) and ("workflowConfig" in document or "sink" in document):
        yield Problem(
            "source",
            "workflow",
            "belongs to a workflow of `metadata ingest`, and a config is an IngestionPipeline of OpenMetadata",
            _WAY_OUT.format(service=_service_type(source), name=_name(source.get("serviceName"))),
        )


def answer(document: Document) -> Iterator[Problem]:
    """Yield an error for an OpenMetadata server's list of pipelines."""
    if isinstance(document.get("data"), list) and "name" not in document:
        problem = "is a list of pipelines, as an OpenMetadata server answers it, and a config is one of them"
        yield Problem("data", "workflow", problem, "Write each of the list into a file of its own")


def _service_type(source: Document) -> str:
    holder = source.get("sourceConfig")
    config = holder.get("config") if isinstance(holder, dict) else None
    said = str(config.get("type")) if isinstance(config, dict) else ""
    kind = said.removesuffix(_SUFFIX)
    return f"{kind[0].lower()}{kind[1:]}Service" if said.endswith(_SUFFIX) and kind.isalpha() else "databaseService"


def _name(name: object) -> str:
    is_plain = isinstance(name, str) and len(name) <= 64 and name.replace("_", "").replace("-", "").isalnum()
    return str(name) if is_plain else "source.serviceName"
