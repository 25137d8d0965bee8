from __future__ import annotations

import ipaddress
from collections.abc import Callable

import httpx
import pytest
from fastapi import FastAPI

from dag_factory.api.app import create_app
from dag_factory.api.health_calls import own_address

# Airflow imports the test client of an HTTP library that is about to be replaced.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")

SETTING = "AIRFLOW__OPENMETADATA_DAG_FACTORY__HOST_IP"


def test_the_address_is_the_one_that_is_configured(
    ask: Callable[..., httpx.Response], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SETTING, " 192.0.2.7 ")
    assert ask(create_app(airflow=FastAPI), "GET", "/ip").json() == {"ip": "192.0.2.7"}


def test_where_none_is_configured_it_is_the_machine_s_own(
    ask: Callable[..., httpx.Response], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SETTING, raising=False)
    assert ask(create_app(airflow=FastAPI), "GET", "/ip").json() == {"ip": own_address()}
    assert ipaddress.ip_address(own_address())
