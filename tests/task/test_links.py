from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import BaseOperatorLink

from dag_factory.configs.pipeline import IngestionPipeline
from dag_factory.portable.openmetadata.source_configs import KINDS_OF_SERVICES
from dag_factory.task.links import PipelineLink, ServiceLink, links_to
from dag_factory.task.operator import IngestionOperator

PIPELINE, SERVICE = PipelineLink.xcom_key, ServiceLink.xcom_key


def pipeline(**service: Any) -> IngestionPipeline:
    return IngestionPipeline.from_document({"name": "daily load", "pipelineType": "metadata", "service": service})


def test_the_links_lead_to_the_ui_beside_the_api() -> None:
    assert links_to(pipeline(type="databaseService", name="my shop"), "https://om.example:8585/api") == {
        PIPELINE: "https://om.example:8585/databaseServices/my%20shop.daily%20load/logs",
        SERVICE: "https://om.example:8585/service/databaseServices/my%20shop",
    }


def test_or_where_the_setting_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__OPENMETADATA_URL", "https://data.example/catalog/")
    links = links_to(pipeline(type="databaseService", name="shop"), None)
    assert links[SERVICE] == "https://data.example/catalog/service/databaseServices/shop"


@pytest.mark.parametrize("kind", KINDS_OF_SERVICES)
def test_each_kind_of_service_has_its_page(kind: str) -> None:
    # The UI's paths have the kinds of services in the server's spelling, and in the plural.
    for spelling in (kind, kind.replace("mlmodel", "mlModel")):
        assert links_to(pipeline(type=spelling, name="my.shop"), "http://om/api") == {
            PIPELINE: f"http://om/{kind}s/%22my.shop%22.daily%20load/logs",
            SERVICE: f"http://om/service/{kind}s/%22my.shop%22",
        }


def test_a_test_suite_has_runs_but_no_page_of_a_service() -> None:
    links = links_to(pipeline(type="testSuite", name="shop.orders.testSuite"), "http://om/api")
    assert list(links) == [PIPELINE]


@pytest.mark.parametrize("host_port", [None, {"$env": "A"}, "om", "ftp://om/api", "http://user:pw@om/api"])
def test_nowhere_where_the_ui_is_not_known(host_port: object) -> None:
    assert links_to(pipeline(type="databaseService", name="shop"), host_port) == {}


@pytest.mark.parametrize("link", [PipelineLink(), ServiceLink()])
def test_a_link_is_what_the_task_has_found_out(link: BaseOperatorLink) -> None:
    class Begun(IngestionOperator):
        links = {link.xcom_key: "https://om"}  # noqa: RUF012

    assert link.get_link(IngestionOperator(task_id="ingestion_task"), ti_key=None) == ""  # type: ignore[arg-type]
    assert link.get_link(Begun(task_id="ingestion_task"), ti_key=None) == "https://om"  # type: ignore[arg-type]
