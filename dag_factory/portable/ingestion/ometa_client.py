"""openmetadata-ingestion's client of the OpenMetadata server, ``ometa``: connects, and fetches a service."""

from __future__ import annotations

import json
import logging
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from dag_factory.errors import WorkflowError
from dag_factory.portable.ingestion.models import in_one_sentence
from dag_factory.portable.openmetadata.fqn import quoted
from dag_factory.portable.openmetadata.pipeline_types import Service
from dag_factory.portable.openmetadata.source_configs import in_server_spelling
from dag_factory.portable.secrets.shown_names import shown_field, shown_name

if TYPE_CHECKING:
    from metadata.ingestion.ometa.ometa_api import OpenMetadata

    from dag_factory.configs.document import Document

log = logging.getLogger(__name__)


def connect(connection: Document) -> OpenMetadata:
    """
    Return a client for the server of a pipeline.

    :param connection: the pipeline's ``openMetadataServerConnection``
    :raises WorkflowError: where the server does not answer, or refuses the token
    """
    from metadata.generated.schema.entity.services.connections.metadata.openMetadataConnection import (
        OpenMetadataConnection,
    )
    from metadata.ingestion.ometa.client_utils import create_ometa_client
    from pydantic import ValidationError

    try:
        return create_ometa_client(OpenMetadataConnection.model_validate(known_fields(connection)))
    except ValidationError as error:
        fields = ", ".join(sorted({shown_field(".".join(map(str, problem["loc"]))) for problem in error.errors()}))
        raise WorkflowError(f"openMetadataServerConnection is invalid or incomplete. Check {fields}") from None
    except ValueError as error:
        raise WorkflowError(f"the OpenMetadata server can't be connected to: {error}") from None


def server_version(server: OpenMetadata) -> str | None:
    """Return the version of the server, None where it is unknown."""
    try:
        return str(server.get_server_version())
    except Exception:  # noqa: BLE001 - it is asked for the sake of a sentence
        return None


def known_fields(connection: Document) -> Document:
    """Return a server connection without the fields of newer servers, which openmetadata-ingestion would refuse."""
    from metadata.generated.schema.entity.services.connections.metadata.openMetadataConnection import (
        OpenMetadataConnection,
    )

    unknown = sorted(connection.keys() - OpenMetadataConnection.model_fields.keys())
    if unknown:
        log.warning(
            "openMetadataServerConnection: unknown to openmetadata-ingestion and left out: %s",
            ", ".join(map(shown_name, unknown)),
        )
    return {name: value for name, value in connection.items() if name not in unknown}


def fetch_service(server: OpenMetadata, reference: Document) -> Service:
    """
    Return the service that a pipeline refers to, its connection included.

    :param reference: the pipeline's ``service``; its type is the kind of service, such as ``databaseService``
    :raises WorkflowError: where the type is unknown or the server does not have the service
    """
    kind, asked = reference.get("type"), _service_classes()
    if (entity := asked.get(str(kind).lower())) is None:
        known = ", ".join(sorted(map(in_server_spelling, asked)))
        raise WorkflowError(
            f"openmetadata-ingestion {version('openmetadata-ingestion')} does not support service.type '{kind}'. It "
            f"supports {known}"
        )
    fqn = reference.get("fullyQualifiedName") or quoted(reference["name"])
    try:
        service = server.get_by_name(entity, fqn)
    except Exception as error:
        # A newer server's connection, one of a hundred kinds, may have fields that no model knows.
        if (plain := in_one_sentence(error, f"the service '{reference['name']}' as the server has it")) is None:
            raise
        raise plain from None
    if service is None:
        raise WorkflowError(
            f"the OpenMetadata server has no {kind} '{reference['name']}', or the token may not read it"
        )
    if service.connection is None:
        raise WorkflowError(f"the service '{reference['name']}' has no connection. Set one up in OpenMetadata")
    return Service(
        name=service.name.root,
        source_type=service.serviceType.value.lower(),
        connection=json.loads(service.connection.model_dump_json(mask_secrets=False)),
    )


def _service_classes() -> dict[str, type[Any]]:
    """Return the models of the services that can be fetched, by their kind in lower case."""
    from metadata.generated.schema.entity.services.serviceType import ServiceType
    from metadata.ingestion.ometa.routes import ROUTES
    from metadata.utils.class_helper import get_service_class_from_service_type

    classes = {kind: get_service_class_from_service_type(kind) for kind in ServiceType}
    # openmetadata-ingestion may have the model of a service, but no route to fetch one.
    return {f"{kind.value}Service".lower(): entity for kind, entity in classes.items() if entity.__name__ in ROUTES}
