from __future__ import annotations

import asyncio
import ipaddress
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from dag_factory.api_server.api.app import create_app
from dag_factory.api_server.api.health_calls import own_address
from dag_factory.api_server.api.ingestion_version import IngestionVersion
from dag_factory.task.runner.installed_ingestion import Installed

# Airflow imports the test client of an HTTP library that is about to be replaced.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")

SETTING = "AIRFLOW__OPENMETADATA_DAG_FACTORY__HOST_IP"
PYTHON = "AIRFLOW__OPENMETADATA_DAG_FACTORY__PYTHON"
VERSION = "AIRFLOW__OPENMETADATA_DAG_FACTORY__INGESTION_VERSION"


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


class Looks:
    """Stands for interpreters: says what one has, and counts how often it is asked."""

    def __init__(self, installed: Installed, hangs: threading.Event | None = None) -> None:
        self.asked: list[str] = []
        self._installed = installed
        self._hangs = hangs

    def __call__(self, python: str) -> Installed:
        self.asked.append(python)
        if self._hangs is not None:
            self._hangs.wait(60)
        return self._installed


def test_the_version_is_that_of_the_interpreter_that_runs_pipelines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PYTHON, "/opt/ingestion/bin/python")
    looks = Looks(Installed("1.12.14.2"))
    assert asyncio.run(IngestionVersion(looks).get()) == "1.12.14.2"
    assert looks.asked == ["/opt/ingestion/bin/python"]


def test_the_setting_overrides_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VERSION, "2.0.5.0")
    looks = Looks(Installed("1.12.14.2"))
    assert asyncio.run(IngestionVersion(looks).get()) == "2.0.5.0"
    assert looks.asked == []


def test_an_invalid_version_in_the_setting_is_logged_and_answered_as_unknown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(VERSION, "latest")
    assert asyncio.run(IngestionVersion(Looks(Installed("1.12.14.2"))).get()) == "unknown"
    assert "ingestion_version is not a version" in caplog.text


def test_health_asks_the_interpreter_that_the_setting_names(
    ask: Callable[..., httpx.Response], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text("""#!/bin/sh\necho '{"version": "1.12.14.2", "places": []}'\n""")
    python.chmod(0o755)
    monkeypatch.setenv(PYTHON, str(python))
    expected = {"status": "healthy", "version": "1.12.14.2"}
    assert ask(create_app(airflow=FastAPI), "GET", "/health").json() == expected
    monkeypatch.setenv(PYTHON, str(tmp_path / "missing"))
    # A server finds our API by a version that is a text, and shows it.
    assert ask(create_app(airflow=FastAPI), "GET", "/health").json() == {"status": "healthy", "version": "unknown"}


@pytest.mark.parametrize("python", ["/gone/python", "not a path"])
def test_why_it_is_unknown_is_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, python: str
) -> None:
    monkeypatch.setenv(PYTHON, python)
    found = IngestionVersion(Looks(Installed(problem="is not on this machine")))

    async def twice() -> list[str]:
        return [await found.get(), await found.get()]

    assert asyncio.run(twice()) == ["unknown", "unknown"]
    (record,) = [each for each in caplog.records if each.levelname == "WARNING"]
    assert python in record.getMessage()
    assert "[openmetadata_dag_factory]" in record.getMessage()


def test_an_interpreter_that_hangs_holds_up_one_thread_however_many_calls_there_are() -> None:
    released = threading.Event()
    looks = Looks(Installed("2.0.6.0"), released)
    found = IngestionVersion(looks, seconds=0.05)

    async def many() -> tuple[list[str], str]:
        said = await asyncio.gather(*(found.get() for _ in range(50)))
        said += [await found.get()]
        released.set()
        while (late := await found.get()) == "unknown":
            pass
        return said, late

    said, late = asyncio.run(many())
    assert set(said) == {"unknown"}
    assert late == "2.0.6.0"
    assert len(looks.asked) == 1
