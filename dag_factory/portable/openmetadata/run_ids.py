"""The id under which a run reports to the OpenMetadata server."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import suppress


def openmetadata_run_id(dag_id: str, run_id: str, conf: object = None) -> str:
    """
    Return the UUID under which a run reports to OpenMetadata: one rule for all processes.

    :param run_id: Airflow's id of the run
    :param conf: the trigger's conf; holds a ``pipelineRunId`` where the server has already recorded the run
    """
    requested = conf.get("pipelineRunId") if isinstance(conf, Mapping) else None
    for given in (requested, run_id):
        with suppress(ValueError):
            return str(uuid.UUID(str(given)))
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"openmetadata:{dag_id}:{run_id}"))
