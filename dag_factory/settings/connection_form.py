"""
The form of a Connection of type ``openmetadata`` in Airflow's UI: which fields it shows, and what they are called.

`dag_factory.configs.server_connection` reads such a Connection. Airflow 3.2 and later take the form from the provider's
description; Airflow 3.1 asks the hook. Nothing is imported for it.
"""

from __future__ import annotations

from typing import Any

CONN_TYPE = "openmetadata"
HOOK_CLASS = "dag_factory.task.hook.OpenMetadataHook"
HOOK_NAME = "OpenMetadata"

HIDDEN = ["login"]
LABELS = {"password": "Token of the bot", "schema": "Scheme"}
PLACEHOLDERS = {
    "host": "openmetadata.example.com, or https://openmetadata.example.com/api",
    "schema": "https, or http (the default)",
    "port": "8585",
    "password": "eyJ… (Settings > Bots > ingestion-bot in OpenMetadata)",
}

# Each is a key of the Connection's extra.
FIELDS: dict[str, dict[str, Any]] = {
    "verifySSL": {
        "label": "Check of the certificate",
        "description": (
            "no-ssl, validate (against the CA certificate below) or ignore. Empty: against the authorities that the "
            "machine knows."
        ),
        "schema": {"type": ["string", "null"], "enum": ["no-ssl", "validate", "ignore"]},
    },
    "sslConfig": {
        "label": "CA certificate",
        "description": "Path on the workers, or the certificate itself (PEM). The check is then 'validate'.",
        "schema": {"type": ["string", "null"]},
    },
}


def connection_type() -> dict[str, Any]:
    """Return the type of Connection in the form of Airflow's provider schema."""
    return {
        "connection-type": CONN_TYPE,
        "hook-class-name": HOOK_CLASS,
        "hook-name": HOOK_NAME,
        "ui-field-behaviour": {"hidden-fields": HIDDEN, "relabeling": LABELS, "placeholders": PLACEHOLDERS},
        "conn-fields": FIELDS,
    }
