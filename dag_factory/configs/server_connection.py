"""The connection to the OpenMetadata server: an Airflow Connection, merged over the document's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dag_factory.configs.allowed import SERVER, TOKEN_FIELDS, Allowed, is_token_file, token_in, token_in_file
from dag_factory.configs.document import Document, merge
from dag_factory.errors import ConfigError
from dag_factory.portable.secrets.references import CONNECTION, ENV, find_connection, is_reference, resolve
from dag_factory.settings.options import SECTION

if TYPE_CHECKING:
    from airflow.sdk import Connection

FIELD = SERVER
CONN_ID = f"[{SECTION}] openmetadata_conn_id"
_SCHEMES = ("http", "https")


def resolved(document: Document, dag_id: str, allowed: Allowed, *, on_secret: Callable[[str], None]) -> Document:
    """
    Return a document with its connection to the server: the Connection's fields merged in, resolved, and checked.

    All other references stay as they are.

    :param dag_id: of the document
    :param allowed: what the operator allows configs
    :param on_secret: called with each secret, so that logs can be masked
    :raises ConfigError: where a reference can't be resolved, or the document may not report to that server
    """
    theirs = _operators_fields(allowed.server_connection, on_secret)
    # Nothing else is checked here: a document that is wrong elsewhere must still be able to report that.
    own = {FIELD: document[FIELD]} if FIELD in document else {}
    allowed.check(own)
    merged = {**own, FIELD: _merged(own.get(FIELD), theirs)} if theirs is not None else own
    connection = resolve(merged, dag_id, keys=allowed.keys, permit=allowed.check_reference, on_secret=on_secret).get(
        FIELD
    )
    if isinstance(connection, dict):
        is_server_ours = "hostPort" in (theirs or {})
        if _carries_token(theirs) and not is_server_ours and not allowed.servers:
            raise ConfigError(
                f"refers to the Connection '{allowed.server_connection}', which has a token but no host, so a config "
                f"could send the token to any host. Set the Connection's host, or set [{SECTION}] allowed_servers",
                field=CONN_ID,
            )
        allowed.check_resolved(connection, is_server_ours=is_server_ours)
        _check_token(own.get(FIELD), theirs, connection)
    return {**document, FIELD: connection} if FIELD in merged else document


def _operators_fields(conn_id: str | None, on_secret: Callable[[str], None]) -> Document | None:
    """Return the fields of the Connection ``openmetadata_conn_id``, None where that is not set."""
    if conn_id is None:
        return None
    connection = find_connection(conn_id, field=CONN_ID)
    for secret in (connection.password, connection.extra):
        if secret:
            on_secret(secret)
    return server_fields(connection)


def _merged(own: object, theirs: Document) -> Document:
    return merge(own if isinstance(own, dict) and not is_reference(own) else {}, theirs)


def _carries_token(fields: Document | None) -> bool:
    return any((fields or {}).get(name) for name in TOKEN_FIELDS)


def _check_token(own: object, theirs: Document | None, connection: Document) -> None:
    """
    Refuse a token that openmetadata-ingestion would read from a file, unless it comes from the operator.

    :param own: the document's connection, its references unresolved
    """
    said = token_in(own)
    is_operators = isinstance(said, dict) and (ENV in said or CONNECTION in said)
    if is_token_file(connection) and not is_operators and token_in(theirs) is None and not is_reference(own):
        raise token_in_file()


def server_fields(connection: Connection) -> Document:
    """
    Return the fields of ``openMetadataServerConnection`` that an Airflow Connection stands for.

    Host, schema (``http`` or ``https``) and port become ``hostPort``. The host may itself be a URL, whose parts take
    precedence; without a path, it gets ``/api``. The password becomes the token. Each key of the extra is the field of
    that name; what is null or empty there, a form has left empty. A text as ``sslConfig`` is the CA's certificate, as
    openmetadata-ingestion's own hook has it.

    :raises ConfigError: where the host is invalid, or the extra is not a JSON object
    """
    fields: Document = {}
    if connection.host:
        fields["hostPort"] = _host_port(connection)
    if connection.password:
        fields["authProvider"] = "openmetadata"
        fields["securityConfig"] = {"jwtToken": connection.password}
    return merge(fields, _extra(connection))


def operators_server(connection: Connection) -> Document:
    """
    Return the ``openMetadataServerConnection`` that an Airflow Connection stands for by itself.

    :raises ConfigError: where it names no server, or is invalid
    """
    fields = server_fields(connection)
    if not fields.get("hostPort"):
        raise _wrong(connection, "whose host is empty, so the server is unknown. Fill in its host")
    return fields


def require_server(document: Document) -> Document:
    """
    Return the connection of a document.

    :raises ConfigError: where it is missing, or has no ``hostPort``
    """
    connection = document.get(FIELD)
    if connection and not isinstance(connection, dict):
        raise ConfigError(
            "is not an object, so there is nowhere to send metadata. Write an object with a hostPort", field=FIELD
        )
    if not connection or not connection.get("hostPort"):
        raise ConfigError(
            "is missing, so there is nowhere to send metadata. Write an object with a hostPort", field=FIELD
        )
    return dict(connection)


def _extra(connection: Connection) -> Document:
    extra: object = None
    with suppress(ValueError):
        extra = json.loads(connection.extra or "{}")
    if not isinstance(extra, dict):
        raise _wrong(
            connection, "whose extra is not a JSON object. Each key of it is a field of the server's connection"
        )
    found = {name: value for name, value in extra.items() if value not in (None, "")}
    if isinstance(certificate := found.get("sslConfig"), str):
        found["sslConfig"] = {"caCertificate": certificate}
        found.setdefault("verifySSL", "validate")
    return found


def _host_port(connection: Connection) -> str:
    address = (connection.host or "").strip()
    if "://" not in address:
        address = f"{_scheme(connection)}://{_in_brackets(address)}"
    try:
        url = urlsplit(address)
        port = url.port
    except ValueError:
        url, port = urlsplit(""), None
    if not url.hostname:
        raise _wrong(connection, "whose host is neither a host name, an IP address nor a URL")
    server = url.netloc.rpartition(":")[0] if port else url.netloc.rstrip(":")
    port = port or connection.port
    return f"{url.scheme}://{server}{f':{port}' if port else ''}{url.path.rstrip('/') or '/api'}"


def _scheme(connection: Connection) -> str:
    named = (name for name in (connection.schema, connection.conn_type) if name and name.lower() in _SCHEMES)
    return next(named, "http")


def _in_brackets(host: str) -> str:
    """Return a host as it stands in a URL: an IPv6 address in brackets, since its colons are not the port's."""
    return f"[{host}]" if host.count(":") > 1 and not host.startswith("[") else host


def _wrong(connection: Connection, problem: str) -> ConfigError:
    return ConfigError(f"refers to the Connection '{connection.conn_id}', {problem}", field=CONN_ID)
