"""What calls Airflow as an OpenMetadata server does."""

from __future__ import annotations

from sandbox.pipeline_service import PipelineServiceClient
from sandbox.stack import AirflowStack


def calling(airflow: AirflowStack, username: str | None = None) -> PipelineServiceClient:
    """Return a server that calls an Airflow as one of its users, as its administrator where none is named."""
    name = username or airflow.username
    return PipelineServiceClient(airflow.url, name, airflow.passwords[name])
