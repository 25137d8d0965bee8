"""What Airflow discovers as a provider: the section of the configuration, our commands, our type of Connection."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Return this package's description in the form of Airflow's provider schema."""
    from dag_factory import __version__
    from dag_factory.settings.connection_form import connection_type
    from dag_factory.settings.options import OPTIONS, SECTION

    return {
        "package-name": "openmetadata-dag-factory",
        "name": "OpenMetadata DAG factory",
        "description": "Runs OpenMetadata ingestion pipelines on Apache Airflow.",
        "versions": [__version__],
        # Ignored by Airflow 3.1, whose command line takes no commands from providers.
        "cli": ["dag_factory.cli.commands"],
        "connection-types": [connection_type()],
        "config": {SECTION: {"description": "Where pipelines come from and how they run.", "options": OPTIONS}},
    }
