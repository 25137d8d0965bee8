"""Does a redeploy enable or disable a pipeline?"""

from __future__ import annotations

from dag_factory.configs.document import Document
from dag_factory.configs.pipeline import IngestionPipeline
from dag_factory.errors import ConfigError


def pause_change(before: Document, now: Document) -> bool | None:
    """
    Return whether a redeploy pauses (True) or unpauses (False) the pipeline's DAG; None: neither.

    Airflow reads ``is_paused_upon_creation`` only when the DAG is new. Later the DAG stays as users set it in the UI.
    So where ``enabled`` or ``pausePipeline`` has changed, the DAG itself is paused or unpaused, as OpenMetadata's
    Kubernetes client does; where neither has changed, it is left alone.

    :param before: the former document, with the defaults of its folders
    :param now: the deployed one, with its own
    """
    try:
        former, pipeline = IngestionPipeline.from_document(before), IngestionPipeline.from_document(now)
    except ConfigError:
        return None  # what the former document said is unknown
    if _started_flags(former) == _started_flags(pipeline):
        return None
    return pipeline.starts_paused


def _started_flags(pipeline: IngestionPipeline) -> tuple[bool, bool]:
    return pipeline.enabled, pipeline.airflow_config.pause_pipeline
