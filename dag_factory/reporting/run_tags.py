"""The tags of the metrics of runs, wherever a run is counted."""

from __future__ import annotations

from dag_factory import settings
from dag_factory.errors import SettingsError
from dag_factory.portable.openmetadata.pipeline_types import PIPELINE_TYPES
from dag_factory.reporting import metrics

BROKEN = "broken"
"""In place of a pipeline's type: the config can't run."""
UNKNOWN = "unknown"
"""The same where a run ended before its config was read, or the config names a type that we do not know."""


def run_tags(dag_id: str, pipeline_type: object) -> dict[str, str]:
    """
    Return the tags of a run: its pipeline's type, and the DAG id where the operator wants it.

    :param pipeline_type: as a document names it, which may be anything; each new value would be a new series
    """
    is_known = isinstance(pipeline_type, str) and (pipeline_type == BROKEN or pipeline_type in PIPELINE_TYPES)
    tags = {"type": str(pipeline_type) if is_known else UNKNOWN}
    try:
        return {**tags, metrics.DAG_ID: dag_id} if settings.metrics_dag_id() else tags
    except SettingsError:
        return tags
