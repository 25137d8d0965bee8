"""
An OpenMetadata server in memory, good enough for the workflows of openmetadata-ingestion.

``python -m sandbox.openmetadata`` runs it; ``catalogue`` lists the entities that it knows.
"""

from sandbox.openmetadata.app import create_app

__all__ = ["create_app"]
