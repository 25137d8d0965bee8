"""The entities of services other than databases: each kind of service, and what it holds."""

from typing import Any

from sandbox.openmetadata.collection import RELATIONS, Collection
from sandbox.openmetadata.completions import (
    complete_container,
    complete_data_model,
    complete_endpoint,
    complete_search_index,
    complete_topic,
    name_data_model,
)

SAMPLES = frozenset({"sampleData"})
MEASURED = frozenset({"pipelineStatus", "usageSummary"})


def service(kind: str, entity: str) -> Collection:
    """Return the collection of a kind of service, such as ``dashboardService``."""
    return Collection(
        path=f"services/{kind}s",
        kind=kind,
        entity=f"entity.services.{kind}.{entity}",
        create=f"api.services.create{entity}.Create{entity}Request",
    )


def asset(
    kind: str, references: dict[str, str], *, entity: str = "", module: str = "data", **others: Any
) -> Collection:
    """
    Return the collection of what a service holds.

    ``references`` and ``others`` are as those of a `Collection`; ``entity`` is the model, where its name is not the
    kind's, and ``module`` holds it.
    """
    model = entity or f"{kind[0].upper()}{kind[1:]}"
    return Collection(
        kind=kind,
        entity=f"entity.{module}.{kind}.{model}",
        create=f"api.{module}.create{model}.Create{model}Request",
        references=references,
        on_request=RELATIONS | MEASURED | others.get("parts", frozenset()),
        **{"path": f"{kind}s", "inherits": ("serviceType",), **others},
    )


OTHER_SERVICES = (
    service("apiService", "ApiService"),
    service("dashboardService", "DashboardService"),
    service("driveService", "DriveService"),
    service("mcpService", "McpService"),
    service("messagingService", "MessagingService"),
    service("mlmodelService", "MlModelService"),
    service("pipelineService", "PipelineService"),
    service("searchService", "SearchService"),
    service("securityService", "SecurityService"),
    service("storageService", "StorageService"),
    asset("apiCollection", {"service": "apiService"}, entity="APICollection"),
    asset(
        "apiEndpoint",
        {"apiCollection": "apiCollection"},
        entity="APIEndpoint",
        inherits=("service", "serviceType"),
        complete=complete_endpoint,
    ),
    asset("chart", {"service": "dashboardService"}),
    asset(
        "dashboardDataModel",
        {"service": "dashboardService"},
        path="dashboard/datamodels",
        name=name_data_model,
        complete=complete_data_model,
    ),
    asset("dashboard", {"service": "dashboardService", "charts": "chart", "dataModels": "dashboardDataModel"}),
    asset("directory", {"parent": "directory", "service": "driveService"}, path="drives/directories"),
    asset("file", {"directory": "directory", "service": "driveService"}, path="drives/files"),
    asset("spreadsheet", {"parent": "directory", "service": "driveService"}, path="drives/spreadsheets"),
    asset(
        "worksheet",
        {"spreadsheet": "spreadsheet"},
        path="drives/worksheets",
        inherits=("service", "serviceType"),
    ),
    asset("mcpServer", {"service": "mcpService"}, module="ai", inherits=()),
    asset("topic", {"service": "messagingService"}, parts=SAMPLES, complete=complete_topic),
    asset("mlmodel", {"service": "mlmodelService"}, entity="MlModel"),
    asset("pipeline", {"service": "pipelineService"}),
    asset(
        "searchIndex", {"service": "searchService"}, path="searchIndexes", parts=SAMPLES, complete=complete_search_index
    ),
    asset(
        "container",
        {"parent": "container", "service": "storageService"},
        parts=SAMPLES,
        complete=complete_container,
    ),
)
"""A kind of service or asset each. An asset's name begins with that of its parent."""
