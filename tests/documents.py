"""What every good document has, besides what a test is about."""

from __future__ import annotations

from typing import Any

SERVER: dict[str, Any] = {
    "hostPort": {"$env": "OPENMETADATA_HOST_PORT"},
    "authProvider": "openmetadata",
    "securityConfig": {"jwtToken": {"$env": "OPENMETADATA_JWT_TOKEN"}},
}
REST: dict[str, Any] = {
    "sourceConfig": {"config": {"type": "DatabaseMetadata"}},
    "openMetadataServerConnection": SERVER,
}
