"""Whether a redeploy switches a pipeline on or off."""

from __future__ import annotations

from dag_factory.document import Document
from dag_factory.errors import ConfigError
from dag_factory.pipeline import IngestionPipeline


def toggled(before: Document, now: Document) -> bool | None:
    """
    Return whether the pipeline's DAG is to be paused, None where a redeploy says nothing new of that.

    A DAG that Airflow knows stays as people have set it in its UI, whatever its config says: that counts when the DAG
    is new (``is_paused_upon_creation``). So where ``enabled`` or ``pausePipeline`` has changed, the DAG itself must be
    changed, as OpenMetadata's Kubernetes client does; where neither has, it must not.

    :param before: the document that ran, with the defaults of its folders
    :param now: the one that is deployed, with those of its own
    """
    try:
        former, pipeline = IngestionPipeline.from_document(before), IngestionPipeline.from_document(now)
    except ConfigError:
        return None  # nobody knows what it said
    if _said(former) == _said(pipeline):
        return None
    return pipeline.starts_paused


def _said(pipeline: IngestionPipeline) -> tuple[bool, bool]:
    return pipeline.enabled, pipeline.airflow_config.pause_pipeline
