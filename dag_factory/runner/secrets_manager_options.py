"""What OpenMetadata's secrets managers read from Airflow's configuration, for a child that has no Airflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SECTION = "openmetadata_secrets_manager"
# All that the loaders of openmetadata-ingestion ask for (a test compares).
KEYS = (
    "aws_region", "aws_access_key_id", "aws_secret_access_key",
    "azure_key_vault_name", "azure_tenant_id", "azure_client_id", "azure_client_secret",
    "project_id",
    "kubernetes_namespace", "kubernetes_in_cluster", "kubernetes_kubeconfig_path",
)  # fmt: skip


def from_airflow(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """
    Return what `dag_factory.ingestion.secrets_manager.load` needs, None where nothing of it is Airflow's to say.

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
