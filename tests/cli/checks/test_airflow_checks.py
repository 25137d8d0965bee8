from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from dag_factory.cli.checks.airflow_checks import processes
from dag_factory.cli.checks.check import Level
from dag_factory.cli.checks.site import Site
from sandbox.failing import HttpServer, Reply, running
from tests.cli.checks.conftest import Machine

HEALTHY = Reply(200, json.dumps({"status": "healthy", "version": "1.9.4.0"}).encode())
PATH = "/airflow/api/v1/openmetadata/health"


def test_the_plugin_is_installed(machine: Machine) -> None:
    (said,) = machine.said("plugin")
    assert said.startswith("ok: openmetadata-dag-factory ")


def test_a_database_that_is_away_is_said_once_and_the_rest_is_looked_at(machine: Machine) -> None:
    machine.drop("orders")
    machine.loaders()
    found = machine.look()
    assert "its file" in found["database"].findings[0].text
    assert found["database"].findings[0].level is Level.FAIL
    assert found["processes"].findings[0].level is Level.UNKNOWN
    for name in ("plugin", "locks", "configs", "fernet"):
        assert found[name].findings[0].level is Level.OK, found[name]
    # SQLite would have made its file.
    assert not (machine.home / "missing").exists()


class Beating(Site):
    """An installation whose processes of Airflow were last alive so many seconds ago."""

    def __init__(self, seconds: float) -> None:
        self._beat = datetime.now(timezone.utc) - timedelta(seconds=seconds)

    def ask(self, question: Callable[[Any], Any]) -> Any:
        return {"SchedulerJob": self._beat, "DagProcessorJob": self._beat}


@pytest.mark.parametrize(("seconds", "level"), [(2, Level.OK), (45, Level.WARN), (200, Level.FAIL)])
def test_a_process_that_is_late_is_a_warning_before_it_is_taken_for_dead(seconds: float, level: Level) -> None:
    assert {found.level for found in processes(Beating(seconds))} == {level}


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (HEALTHY, "ok: {url} answers, with openmetadata-ingestion 1.9.4.0"),
        (Reply(404), "fail: Airflow's API server answers, and /api/v1/openmetadata/health is unknown to it"),
        (Reply(200, b"<html>canary"), "warn: {url} answers 200, not an answer of this package's API"),
        (Reply(302, b"", {"Location": "http://login"}), "warn: {url} answers 302, not an answer of this package's API"),
        (Reply(200, b"[]"), "warn: {url} answers 200"),
    ],
    ids=["healthy", "unknown", "page", "login", "list"],
)
def test_the_api_is_asked_at_its_address(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, reply: Reply, said: str
) -> None:
    with running(HttpServer({PATH: reply}, otherwise=Reply(404))) as server:
        base = f"http://127.0.0.1:{server.port}/airflow"
        monkeypatch.setenv("AIRFLOW__API__BASE_URL", f"{base}/")
        (found,) = machine.said("api")
    assert found.startswith(said.format(url=f"http://127.0.0.1:{server.port}{PATH}"))
    assert "canary" not in found


def test_an_api_server_that_can_t_be_reached_from_here_is_a_warning(machine: Machine) -> None:
    (found,) = machine.said("api")
    assert found.startswith(
        "warn: http://127.0.0.1:1/api/v1/openmetadata/health can't be reached from this machine (ConnectError)"
    )


def test_nothing_that_is_found_shows_a_secret(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "canary-key")
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://u:canary-password@127.0.0.1:1/x")
    monkeypatch.setenv("AIRFLOW_CONN_OPENMETADATA", "http://:canary-token@127.0.0.1:1")
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__OPENMETADATA_CONN_ID", "openmetadata")
    (machine.store / "bad.json").write_text('{"password": "canary-config"')
    machine.drop("orders")
    assert "canary" not in machine.everything()
