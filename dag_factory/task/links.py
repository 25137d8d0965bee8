"""Links from a task to OpenMetadata, in Airflow's UI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

from dag_factory import settings
from dag_factory.portable.openmetadata.ui_pages import pipeline_path, service_path, ui_address

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

    from dag_factory.configs.pipeline import IngestionPipeline


class PipelineLink(BaseOperatorLink):
    """Leads to the pipeline, with its runs and their logs."""

    name = "Pipeline in OpenMetadata"
    xcom_key = "_link_openmetadata_pipeline"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return what the operator has found out in the worker; Airflow keeps it as an XCom."""
        return _link_of(operator, self.xcom_key)


class ServiceLink(BaseOperatorLink):
    """Leads to the service that the pipeline ingests."""

    name = "Service in OpenMetadata"
    xcom_key = "_link_openmetadata_service"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return what the operator has found out in the worker; Airflow keeps it as an XCom."""
        return _link_of(operator, self.xcom_key)


def _link_of(operator: BaseOperator, key: str) -> str:
    links: Mapping[str, str] = getattr(operator, "links", {})
    return links.get(key, "")


def links_to(pipeline: IngestionPipeline, host_port: object) -> dict[str, str]:
    """
    Return the addresses of a pipeline and of its service, by the XComs from which Airflow's UI reads them.

    :param host_port: the API's address, from which the UI's follows, unless ``openmetadata_url`` is set
    """
    base = ui_address(host_port, settings.openmetadata_url())
    paths = {PipelineLink.xcom_key: pipeline_path(pipeline), ServiceLink.xcom_key: service_path(pipeline)}
    return {key: f"{base}{path}" for key, path in paths.items() if base and path}
