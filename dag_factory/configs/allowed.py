"""What the operator allows configs: the one place that says what a document may reach."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from dag_factory import settings
from dag_factory.configs import ingestion_versions
from dag_factory.configs.dag_ids import clean_dag_id
from dag_factory.configs.document import Document
from dag_factory.configs.ingestion_versions import IngestionVersions
from dag_factory.errors import ConfigError
from dag_factory.portable.openmetadata.python_classes import check_application
from dag_factory.portable.openmetadata.server_address import matches, names_server, server_address
from dag_factory.portable.secrets.references import CONNECTION, ENV, FERNET, is_reference, references_in
from dag_factory.portable.secrets.sealing import Keys, KeysElsewhere, UnsealError
from dag_factory.settings.options import SECTION

SERVER = "openMetadataServerConnection"
TOKEN_FIELDS = ("securityConfig", "extraHeaders")
"""The fields of a server's connection that authenticate the caller."""

# Airflow's own variables hold its keys and Connections: no setting allows them.
_AIRFLOW_S = ("AIRFLOW_", "_AIRFLOW_")

# OpenMetadata's name for "no secrets manager": secrets come with the entities that the server returns.
_NO_SECRETS_MANAGER = ("", "db")

# openmetadata-ingestion %-formats a header's value with the other headers. A width, as in "%(Authorization)999999999s",
# would fill the memory of a worker, and of the scheduler and API server, which report runs that have ended.
_HEADER = re.compile(r"(?:[^%]|%%|%\([^()%]*\)s)*")
_LONGEST_HEADER = 8_192
_MOST_HEADERS = 50

# It becomes a part of each call's address, in which httpx refuses a line break.
_API_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")

# How a file's path may begin. openmetadata-ingestion takes a token that is the name of a file, and reads that file.
_PATHS = ("/", "~", ".", "\\", "file:")


@dataclass(frozen=True)
class Allowed:
    """
    What configs may reach. Made once for each load or call, since reading a setting takes some microseconds.

    :param env: names of environment variables, as patterns
    :param connections: ids of Connections, as patterns
    :param servers: hosts of OpenMetadata servers, as patterns; empty where any host is allowed
    :param applications: prefixes of the Python classes that applications and custom connectors may name
    :param server_connection: id of the Connection to the server that all configs report to
    :param keys: Airflow's Fernet keys, with which values may be encrypted
    :param versions: versions of openmetadata-ingestion, by the interpreters that configs may name
    """

    env: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    server_connection: str | None = None
    applications: tuple[str, ...] = ()
    keys: Keys = field(default_factory=Keys, compare=False)
    versions: IngestionVersions = field(default_factory=IngestionVersions, compare=False)

    def check(self, document: Document) -> None:
        """
        Check a document as it stands in the store, its references unresolved.

        :raises ConfigError: for the first thing that it may not reach; names the field and the setting that allows it
        """
        for refusal in self.refusals(document):
            raise refusal

    def refusals(self, document: Document) -> Iterator[ConfigError]:
        """Yield an error for each thing that a document may not reach; `check` raises the first."""
        name = document.get("name")
        check = partial(self.check_reference, dag_id=clean_dag_id(name) if isinstance(name, str) else None)
        for place, reference in references_in(document):
            yield from _caught(check, reference, place)
        yield from _caught(self.check_application, document)
        connection = document.get(SERVER)
        if isinstance(connection, dict) and not is_reference(connection):
            yield from _caught(self._check_way, connection)
            if self.server_connection is None:
                # Otherwise the Connection may override the host, which only the worker knows.
                yield from _caught(partial(self.check_secrets_manager, is_server_ours=False), connection)
                if isinstance(connection.get("hostPort"), str):
                    yield from _caught(self.check_host, connection["hostPort"])
            yield from _caught(_check_token, connection)

    def check_reference(self, reference: Mapping[str, Any], field: str, *, dag_id: str | None = None) -> None:
        """
        Check whether a reference may be followed; nothing is decrypted.

        :param dag_id: of the config that it stands in, None where that is unknown
        :raises ConfigError: where the operator does not allow it, a key is missing, or a value is for another DAG
        """
        if ENV in reference:
            self._check_env(reference[ENV], field)
        elif FERNET in reference:
            try:
                self.keys.check(reference[FERNET], dag_id)
            except UnsealError as error:
                raise ConfigError(str(error), field=field) from None
        else:
            self._check_connection(reference[CONNECTION], field)

    def check_application(self, document: Document) -> None:
        """
        Check the Python class that an application pipeline names, in its config or in a trigger's conf.

        :raises ConfigError: where it is missing, or the operator does not allow its package
        """
        check_application(document, self.applications)

    def check_automation(self, document: Document) -> None:
        """
        Check an automation's connection to its server.

        :raises ConfigError: where it may not be used
        """
        connection = document[SERVER]
        self.check_resolved(connection, is_server_ours=False)
        _check_token(connection)
        if is_token_file(connection):
            raise token_in_file()

    def check_resolved(self, connection: Document, *, is_server_ours: bool) -> None:
        """
        Check an ``openMetadataServerConnection`` whose references are resolved, before anything is sent there.

        :param is_server_ours: whether its host comes from the operator's Connection
        :raises ConfigError: where it may not be used
        """
        self._check_way(connection)
        self.check_secrets_manager(connection, is_server_ours=is_server_ours)
        self.check_host(connection.get("hostPort"))

    def check_host(self, host_port: object) -> None:
        """
        Check that a ``hostPort`` names a server that configs may report to.

        :raises ConfigError: where it does not
        """
        if not self.servers:
            return
        address = server_address(host_port) if isinstance(host_port, str) else None
        field = f"{SERVER}.hostPort"
        if address is None:
            raise ConfigError(
                "is not a plain URL such as https://host:8585/api, as it must be where "
                f"[{SECTION}] allowed_servers is set. Write it without user, query and non-ASCII characters",
                field=field,
            )
        if not any(names_server(pattern, address) for pattern in self.servers):
            raise ConfigError(
                f"names the host '{address}', which is not open to configs. {_ask('allowed_servers')}", field=field
            )

    def check_secrets_manager(self, connection: Document, *, is_server_ours: bool) -> None:
        """
        Check that a secrets manager is used only for servers that the operator has named.

        A server's answer may hold ``secret:/any/name``, and the worker looks that up with its own rights: an author who
        names both server and secrets manager could read every secret.

        :raises ConfigError: where a secrets manager is named, and any server may be
        """
        provider = connection.get("secretsManagerProvider")
        is_used = isinstance(provider, str) and provider not in _NO_SECRETS_MANAGER
        if is_used and not self.servers and not is_server_ours:
            raise ConfigError(
                "names a secrets manager, which workers use only for servers that the operator has named. "
                f"{_ask('allowed_servers', 'name the server in')}",
                field=f"{SERVER}.secretsManagerProvider",
            )

    def _check_env(self, name: str, field: str) -> None:
        if name.upper().startswith(_AIRFLOW_S):
            raise ConfigError(f"refers to '{name}', which belongs to Airflow. Use a variable of your own", field=field)
        if not _any_matches(self.env, name):
            raise ConfigError(
                f"refers to the environment variable '{name}', which is not open to configs. {_ask('allowed_env')}",
                field=field,
            )

    def _check_connection(self, conn_id: str, field: str) -> None:
        if not _any_matches(self.connections, conn_id):
            raise ConfigError(
                f"refers to the Connection '{conn_id}', which is not open to configs. {_ask('allowed_connections')}",
                field=field,
            )
        if conn_id == self.server_connection and field.partition(".")[0] != SERVER:
            raise ConfigError(
                f"refers to the Connection '{conn_id}', whose token is for OpenMetadata's server alone. "
                "Use another Connection",
                field=field,
            )

    def _check_way(self, connection: Document) -> None:
        """
        Refuse an ``apiVersion`` that can't be part of an address, and too many or harmful headers.

        A header is harmful that sends a request to another server than ``hostPort``, or that can grow without bounds.
        """
        version = connection.get("apiVersion")
        if isinstance(version, str) and version and not _API_VERSION.fullmatch(version):
            raise ConfigError(
                "is not the version of an API. Write one such as v1, or remove this field",
                field=f"{SERVER}.apiVersion",
            )
        headers = connection.get("extraHeaders")
        if isinstance(headers, dict) and len(headers) > _MOST_HEADERS:
            raise ConfigError(
                f"has {len(headers)} headers, at most {_MOST_HEADERS} are allowed. Remove those that the server does "
                "not need",
                field=f"{SERVER}.extraHeaders",
            )
        for name, value in headers.items() if isinstance(headers, dict) else ():
            text = "" if is_reference(value) else str(value)
            if len(text) > _LONGEST_HEADER or not _HEADER.fullmatch(text):
                raise ConfigError(
                    f"is longer than {_LONGEST_HEADER} characters, or has a lone %. Write %% for a "
                    "percent sign, and %(Name)s for the value of another header",
                    field=f"{SERVER}.extraHeaders.{name}",
                )
        if isinstance(headers, dict) and any(str(name).strip().lower() == "host" for name in headers):
            raise ConfigError(
                "sets another host than hostPort, and a proxy would send the token there. Remove this header",
                field=f"{SERVER}.extraHeaders.Host",
            )


def allowed_here() -> Allowed:
    """Return what the settings allow."""
    return Allowed(
        env=settings.allowed_env(),
        connections=settings.allowed_connections(),
        servers=settings.allowed_servers(),
        server_connection=settings.openmetadata_conn_id(),
        applications=settings.allowed_applications(),
        versions=ingestion_versions.configured(),
    )


def allowed_for_authors() -> Allowed:
    """
    Return what the settings allow, for a machine on which configs are only written: an author's, or that of CI.

    It need not have Airflow's Fernet key, and should not.
    """
    allowed = allowed_here()
    return replace(allowed, keys=KeysElsewhere()) if not allowed.keys.is_set else allowed


def connections_in(document: Document) -> list[str]:
    """Return the ids of the Connections that a document refers to, sorted."""
    return sorted({found[CONNECTION] for _, found in references_in(document) if CONNECTION in found})


def token_in(connection: object) -> Any:
    """Return the token of an ``openMetadataServerConnection``, or the reference to it; None where it is missing."""
    security = connection.get("securityConfig") if isinstance(connection, dict) else None
    return security.get("jwtToken") if isinstance(security, dict) else None


def is_token_file(connection: object) -> bool:
    """Return whether the token is the name of a file, which openmetadata-ingestion would read."""
    token = token_in(connection)
    with suppress(ValueError):
        return isinstance(token, str) and os.path.isfile(token)  # noqa: PTH113 - as openmetadata-ingestion asks
    return False


def _caught(check: Callable[..., None], *arguments: object) -> Iterator[ConfigError]:
    try:
        check(*arguments)
    except ConfigError as error:
        yield error


def _check_token(connection: Document) -> None:
    """Refuse a file's name as token: its author may also name the server, and so could read any file of the worker."""
    token = token_in(connection)
    if isinstance(token, str) and token.strip().startswith(_PATHS):
        raise token_in_file()


def token_in_file() -> ConfigError:
    """Return the error for a token that is the name of a file."""
    return ConfigError(
        'names a file, and a config can\'t have a file read. Write {"$env": "NAME"} or '
        '{"$connection": "conn_id", "field": "password"} instead; their value may be the name of a file',
        field=f"{SERVER}.securityConfig.jwtToken",
    )


def _any_matches(patterns: Iterable[str], name: str) -> bool:
    return any(matches(pattern, name) for pattern in patterns)


def _ask(setting: str, what: str = "add it to") -> str:
    return f"Ask Airflow's operator to {what} [{SECTION}] {setting}"
