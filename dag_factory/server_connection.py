"""The connection to the OpenMetadata server: the document's own, and over it that of an Airflow Connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dag_factory import settings
from dag_factory.document import Document, merge
from dag_factory.errors import ConfigError
from dag_factory.references import find_connection

if TYPE_CHECKING:
    from airflow.sdk import Connection

FIELD = "openMetadataServerConnection"
_SCHEMES = ("http", "https")


def with_server(document: Document, *, on_secret: Callable[[str], None]) -> Document:
    """
    Return a document with the host and the token of the Connection ``openmetadata_conn_id`` in it, where that is set.

    References are left as they are, but those that the Connection takes the place of.

    :param on_secret: is told the Connection's secrets, so that logs can be masked
    :raises ConfigError: where Airflow has no such Connection
    """
    conn_id = settings.openmetadata_conn_id()
    if conn_id is None:
        return document
    own = document.get(FIELD)
    connection = find_connection(conn_id, field=f"[{settings.SECTION}] openmetadata_conn_id")
    for secret in (connection.password, connection.extra):
        if secret:
            on_secret(secret)
    return {**document, FIELD: merge(own if isinstance(own, dict) else {}, server_fields(connection))}


def server_fields(connection: Connection) -> Document:
    """
    Return the fields of ``openMetadataServerConnection`` that an Airflow Connection stands for.

    Host, schema (``http`` or ``https``) and port become ``hostPort``, with the path ``/api``; a host that is a whole
    URL is taken as it is. The password becomes the token. Each key of the extra is a field by its own name.
    """
    fields: Document = {}
    if connection.host:
        fields["hostPort"] = _host_port(connection)
    if connection.password:
        fields["authProvider"] = "openmetadata"
        fields["securityConfig"] = {"jwtToken": connection.password}
    extra = connection.extra_dejson
    return merge(fields, extra) if isinstance(extra, dict) else fields


def require_server(document: Document) -> Document:
    """
    Return the connection of a document.

    :raises ConfigError: where it says nothing of a server
    """
    connection = document.get(FIELD)
    if not isinstance(connection, dict) or not connection.get("hostPort"):
        raise ConfigError("is missing, so there is nowhere to send metadata", field=FIELD)
    return connection


def _host_port(connection: Connection) -> str:
    host = (connection.host or "").rstrip("/")
    if "://" in host:
        return host
    scheme = next((name for name in (connection.schema, connection.conn_type) if name in _SCHEMES), "http")
    return f"{scheme}://{host}{f':{connection.port}' if connection.port else ''}/api"
