"""
Airflow's section ``[openmetadata_secrets_manager]``, read by the parent of a child that has no Airflow.

`dag_factory.portable.ingestion.child_secrets_manager` sets the secrets manager up with it there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SECTION = "openmetadata_secrets_manager"
# All options that openmetadata-ingestion's loaders read (a test compares).
KEYS = (
    "aws_region", "aws_access_key_id", "aws_secret_access_key",
    "azure_key_vault_name", "azure_tenant_id", "azure_client_id", "azure_client_secret",
    "project_id",
    "kubernetes_namespace", "kubernetes_in_cluster", "kubernetes_kubeconfig_path",
)  # fmt: skip


def section_for(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """
    Return the provider and the section's values, None where the document's secrets manager does not use the section.

    :param document: a pipeline or an automation, with its ``openMetadataServerConnection``
    """
    connection = document.get("openMetadataServerConnection")
    if not isinstance(connection, Mapping) or connection.get("secretsManagerLoader") != "airflow":
        return None
    provider = connection.get("secretsManagerProvider") or "db"
    if provider == "db":
        return None
    from airflow.configuration import conf

    values = {key: conf.get(SECTION, key, fallback=None) for key in KEYS}
    return {"provider": provider, "values": {key: value for key, value in values.items() if value is not None}}
