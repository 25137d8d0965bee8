"""The connection to the OpenMetadata server: whether a document has one, and whether it can work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from dag_factory.configs.allowed import SERVER
from dag_factory.configs.document import Document
from dag_factory.configs.problem import MISSING, WARNING, Problem
from dag_factory.configs.schemas import newest
from dag_factory.configs.validation.in_clear import is_variable
from dag_factory.portable.openmetadata.nearest import nearest
from dag_factory.portable.secrets.references import is_reference
from dag_factory.settings.options import SECTION

_HOST = f"{SERVER}.hostPort"
_TOKEN = f"{SERVER}.securityConfig.jwtToken"
_EXAMPLE = (
    '{hostPort: "https://openmetadata.example.com/api", authProvider: openmetadata, '
    "securityConfig: {jwtToken: {$env: OPENMETADATA_JWT_TOKEN}}}"
)
# openmetadata-ingestion adds the version.
_VERSIONED = re.compile(r"/api/v\d{1,3}(?:/.*)?")
_URL = "Write one like https://openmetadata.example.com/api"


def server(document: Document, *, is_given: bool) -> Iterator[Problem]:
    """
    Yield what is wrong with the connection to the server.

    :param is_given: whether an Airflow Connection supplies it for all pipelines
    """
    connection = document.get(SERVER)
    if isinstance(connection, dict) and not is_reference(connection):
        yield from _host(connection.get("hostPort"), is_given=is_given)
        yield from _security(connection.get("securityConfig"))
    elif is_given:
        return
    elif connection is None:
        way_out = f"Write {_EXAMPLE}, or ask Airflow's operator to set [{SECTION}] openmetadata_conn_id"
        yield Problem(SERVER, MISSING, "is missing, so there is nowhere to send metadata", way_out)
    else:
        yield Problem(SERVER, "kind", "is not a mapping of fields to values", f"Write {_EXAMPLE}")


def _host(host: object, *, is_given: bool) -> Iterator[Problem]:
    if host in (None, ""):
        if not is_given:
            yield Problem(_HOST, MISSING, "is missing, so there is nowhere to send metadata", _URL)
    elif not is_reference(host) and not _is_url(host):
        yield Problem(_HOST, "url", "is not an http or https URL", _URL)


def _security(security: object) -> Iterator[Problem]:
    if security is None or is_reference(security):
        return
    if not isinstance(security, dict):
        yield Problem(f"{SERVER}.securityConfig", "kind", "is not a mapping", "Write {jwtToken: {$env: NAME}}")
        return
    token = security.get("jwtToken")
    if token is None or isinstance(token, str) or is_reference(token):
        return
    # A misspelt reference has a problem of its own.
    if not (isinstance(token, dict) and any(str(name).startswith("$") for name in token)):
        yield Problem(_TOKEN, "kind", "is neither a text nor a reference", "Write {$env: NAME}")


def doubtful_server(document: Document) -> Iterator[Problem]:
    """Yield a warning for what will most likely fail."""
    connection = document.get(SERVER)
    if not isinstance(connection, dict) or is_reference(connection):
        return
    host = connection.get("hostPort")
    if isinstance(host, str) and _is_url(host) and urlsplit(host).path in ("", "/"):
        yield Problem(_HOST, "url", "has no path, and OpenMetadata's API is at /api", "Add /api", WARNING)
    elif isinstance(host, str) and _is_url(host) and _VERSIONED.search(urlsplit(host).path):
        yield Problem(_HOST, "url", "has the API's version, which each request adds", "End it with /api", WARNING)
    security = connection.get("securityConfig")
    values: dict[str, Any] = {_HOST: host}
    if isinstance(security, dict):
        values[_TOKEN] = security.get("jwtToken")
    for field, value in values.items():
        if isinstance(value, str) and is_variable(value):
            yield Problem(
                field, "reference", "is used literally: no variable is replaced in it", "Write {$env: NAME}", WARNING
            )


def missing_token(document: Document, *, is_given: bool) -> Iterator[Problem]:
    """
    Yield a warning where the server asks for a token, and none is written.

    :param is_given: whether an Airflow Connection supplies the connection for all pipelines
    """
    connection = document.get(SERVER)
    if is_given or not isinstance(connection, dict) or connection.get("authProvider") != "openmetadata":
        return
    security = connection.get("securityConfig") or {}
    if isinstance(security, dict) and not is_reference(security) and security.get("jwtToken") in (None, ""):
        problem = "is missing, so the server refuses each request"
        yield Problem(_TOKEN, MISSING, problem, "Write {$env: NAME}", WARNING)


def doubtful_words(document: Document) -> Iterator[Problem]:
    """Yield a warning for a value of the wrong type, such as ``verifySSL: false``, or a misspelt one."""
    connection = document.get(SERVER)
    if not isinstance(connection, dict) or is_reference(connection):
        return
    schemas = newest()
    for name, kind in schemas.fields(schemas.kind_at(SERVER)).items():
        value, known = connection.get(name), tuple(map(str, schemas.values(kind)))
        if not known or value is None or value in known or is_reference(value):
            continue
        near = nearest(value, known) if isinstance(value, str) else None
        # A newer server may have further words.
        if near or not isinstance(value, str):
            way_out = f"Did you mean '{near}'?" if near else f"Write one of {', '.join(known)}"
            yield Problem(f"{SERVER}.{name}", "value", "is not a known value", way_out, WARNING)


def _is_url(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        url = urlsplit(value.strip())
        return url.scheme in ("http", "https") and bool(url.hostname) and (url.port or 1) > 0
    except ValueError:
        return False
