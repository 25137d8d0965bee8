"""What calls Airflow as an OpenMetadata server does."""

from __future__ import annotations

from contextlib import suppress

from sandbox.pipeline_service import PipelineServiceClient, PipelineServiceError
from sandbox.stack import AirflowStack

LOOKS = 5


def calling(airflow: AirflowStack, username: str | None = None) -> PipelineServiceClient:
    """Return a server that calls an Airflow as one of its users, as its administrator where none is named."""
    name = username or airflow.username
    server = PipelineServiceClient(airflow.url, name, airflow.passwords[name])
    # Its look for the API has the five seconds that a real server gives it, which a busy machine may need longer for.
    for _ in range(LOOKS):
        with suppress(PipelineServiceError):
            server.detect()
            break
    return server
