"""The connection to the OpenMetadata server: the document's own, and over it that of an Airflow Connection."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dag_factory import settings
from dag_factory.document import Document, merge
from dag_factory.errors import ConfigError
from dag_factory.options import SECTION
from dag_factory.references import find_connection

if TYPE_CHECKING:
    from airflow.sdk import Connection

FIELD = "openMetadataServerConnection"
CONN_ID = f"[{SECTION}] openmetadata_conn_id"
_SCHEMES = ("http", "https")


def with_server(document: Document, *, on_secret: Callable[[str], None]) -> Document:
    """
    Return a document with the host and the token of the Connection ``openmetadata_conn_id`` in it, where that is set.

    References are left as they are, but those that the Connection takes the place of.

    :param on_secret: is told the Connection's secrets, so that logs can be masked
    :raises ConfigError: where Airflow has no such Connection, or it can't be that of a server
    """
    conn_id = settings.openmetadata_conn_id()
    if conn_id is None:
        return document
    own = document.get(FIELD)
    connection = find_connection(conn_id, field=CONN_ID)
    for secret in (connection.password, connection.extra):
        if secret:
            on_secret(secret)
    return {**document, FIELD: merge(own if isinstance(own, dict) else {}, server_fields(connection))}


def server_fields(connection: Connection) -> Document:
    """
    Return the fields of ``openMetadataServerConnection`` that an Airflow Connection stands for.

    Host, schema (``http`` or ``https``) and port become ``hostPort``; the host may be a URL itself, whose parts count
    first, and the path is ``/api`` where it has none. The password becomes the token. Each key of the extra is a field
    by its own name.

    :raises ConfigError: where the host is none, or the extra is no JSON object
    """
    fields: Document = {}
    if connection.host:
        fields["hostPort"] = _host_port(connection)
    if connection.password:
        fields["authProvider"] = "openmetadata"
        fields["securityConfig"] = {"jwtToken": connection.password}
    return merge(fields, _extra(connection))


def require_server(document: Document) -> Document:
    """
    Return the connection of a document.

    :raises ConfigError: where it says nothing of a server
    """
    connection = document.get(FIELD)
    if connection and not isinstance(connection, dict):
        raise ConfigError(
            "is no object, so there is nowhere to send metadata. Write its hostPort into one", field=FIELD
        )
    if not connection or not connection.get("hostPort"):
        raise ConfigError("is missing, so there is nowhere to send metadata", field=FIELD)
    return dict(connection)


def _extra(connection: Connection) -> Document:
    extra: object = None
    with suppress(ValueError):
        extra = json.loads(connection.extra or "{}")
    if not isinstance(extra, dict):
        raise _wrong(connection, "whose extra is no JSON object. Each key of it is a field of the server's connection")
    return extra


def _host_port(connection: Connection) -> str:
    host = (connection.host or "").strip()
    scheme = next(
        (name for name in (connection.schema, connection.conn_type) if (name or "").lower() in _SCHEMES), "http"
    )
    if host.count(":") > 1 and "://" not in host and not host.startswith("["):
        host = f"[{host}]"  # an IPv6 address, whose colons are not the port's
    try:
        url = urlsplit(host if "://" in host else f"{scheme}://{host}")
        port = url.port or connection.port
    except ValueError:
        port, url = None, urlsplit("")
    if not url.hostname:
        raise _wrong(connection, "whose host is neither the name of one, an address nor a URL")
    name = url.netloc.rpartition(":")[0] if url.port else url.netloc.rstrip(":")
    return f"{url.scheme.lower()}://{name}{f':{port}' if port else ''}{url.path.rstrip('/') or '/api'}"


def _wrong(connection: Connection, problem: str) -> ConfigError:
    return ConfigError(f"refers to the Connection '{connection.conn_id}', {problem}", field=CONN_ID)
