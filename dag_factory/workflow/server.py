"""The OpenMetadata server, asked through openmetadata-ingestion's own client."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from dag_factory.errors import WorkflowError
from dag_factory.fqn import quoted
from dag_factory.workflow.types import Service

if TYPE_CHECKING:
    from metadata.ingestion.ometa.ometa_api import OpenMetadata

    from dag_factory.document import Document

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
        fields = ", ".join(sorted({".".join(map(str, problem["loc"])) for problem in error.errors()}))
        raise WorkflowError(f"openMetadataServerConnection is wrong or incomplete: {fields}") from None
    except ValueError as error:
        raise WorkflowError(f"no connection to the OpenMetadata server: {error}") from None


def known_fields(connection: Document) -> Document:
    """Return a server connection without the fields of newer servers, which openmetadata-ingestion would refuse."""
    from metadata.generated.schema.entity.services.connections.metadata.openMetadataConnection import (
        OpenMetadataConnection,
    )

    unknown = sorted(connection.keys() - OpenMetadataConnection.model_fields.keys())
    if unknown:
        log.warning("openMetadataServerConnection: openmetadata-ingestion does not know %s", ", ".join(unknown))
    return {name: value for name, value in connection.items() if name not in unknown}


def fetch_service(server: OpenMetadata, reference: Document) -> Service:
    """
    Return the service that a pipeline refers to, its connection included.

    :param reference: the pipeline's ``service``; its type, such as ``databaseService``, says which kind it is
    :raises WorkflowError: where the type is unknown or the server has no such service
    """
    from metadata.generated.schema.entity.services.serviceType import ServiceType
    from metadata.utils.class_helper import get_service_class_from_service_type

    kinds = {f"{kind.value}Service".lower(): kind for kind in ServiceType}
    kind = kinds.get(str(reference.get("type")).lower())
    if kind is None:
        raise WorkflowError(f"service.type '{reference.get('type')}' is unknown to openmetadata-ingestion")
    fqn = reference.get("fullyQualifiedName") or quoted(reference["name"])
    service = server.get_by_name(get_service_class_from_service_type(kind), fqn)
    if service is None:
        raise WorkflowError(
            f"the OpenMetadata server has no {reference['type']} '{reference['name']}', or the token may not read it"
        )
    if service.connection is None:
        raise WorkflowError(f"the service '{reference['name']}' has no connection. Set one up in OpenMetadata")
    return Service(
        name=service.name.root,
        source_type=service.serviceType.value.lower(),
        connection=json.loads(service.connection.model_dump_json(mask_secrets=False)),
    )
