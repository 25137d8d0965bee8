"""Addresses of pages in OpenMetadata's UI, and where there is none."""

from __future__ import annotations

from typing import Any

import pytest

from dag_factory.configs.pipeline import IngestionPipeline
from dag_factory.portable.openmetadata.ui_pages import pipeline_path, service_path, ui_address


def pipeline(**service: Any) -> IngestionPipeline:
    return IngestionPipeline.from_document({"name": "load", "pipelineType": "metadata", "service": service or None})


@pytest.mark.parametrize(
    ("host_port", "address"),
    [
        ("https://om.example:8585/api", "https://om.example:8585"),
        ("http://[::1]:8585/api", "http://[::1]:8585"),
        ("http://om.example)x/api", "http://om.example%29x"),
        (f"http://om.example/{'x' * 1982}", "http://om.example"),
        (f"http://om.example/{'x' * 1983}", None),
        ("http://user@om.example", None),
        ("http://:pw@om.example", None),
        ("ftp://om.example", None),
        ("http://[", None),
        ("http://", None),
        ({"$env": "A"}, None),
        (None, None),
    ],
)
def test_the_ui_is_where_the_api_is_if_that_is_a_plain_url(host_port: object, address: str | None) -> None:
    assert ui_address(host_port) == address


@pytest.mark.parametrize(
    ("configured", "address"),
    [
        ("https://data.example/catalog/", "https://data.example/catalog"),
        ("https://data.example/a)b%20c", "https://data.example/a%29b%20c"),
        (None, "http://om.example"),
        ("", "http://om.example"),
        ("data.example", "http://om.example"),
        ("javascript:alert(1)", "http://om.example"),
        ("https://user:pw@data.example", "http://om.example"),
    ],
)
def test_the_operator_s_address_takes_precedence_if_it_is_a_plain_url(configured: str | None, address: str) -> None:
    assert ui_address("http://om.example/api", configured) == address
    assert ui_address({"$env": "A"}, configured) == (None if address == "http://om.example" else address)


@pytest.mark.parametrize(
    ("service", "of_service", "of_pipeline"),
    [
        ({"type": "databaseService", "name": "a.b"}, "/service/databaseServices/%22a.b%22", True),
        ({"type": "databaseService", "fullyQualifiedName": "x/y"}, "/service/databaseServices/x%2Fy", True),
        ({"type": "testSuite", "name": "a"}, None, True),
        ({"name": "a"}, None, False),
        ({}, None, False),
    ],
)
def test_a_service_and_its_pipelines_have_pages_by_the_kind(
    service: dict[str, Any], of_service: str | None, of_pipeline: bool
) -> None:
    assert service_path(pipeline(**service)) == of_service
    assert (pipeline_path(pipeline(**service)) is not None) is of_pipeline


@pytest.mark.parametrize(("length", "is_linked"), [(1974, True), (1975, False)])
def test_an_address_that_not_all_browsers_take_is_left_out(length: int, is_linked: bool) -> None:
    path = service_path(pipeline(type="databaseService", fullyQualifiedName="x" * length))
    assert (path is not None and len(path) == 2000) is is_linked
