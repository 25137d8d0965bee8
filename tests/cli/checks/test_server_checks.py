from __future__ import annotations

import json
import sys
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from sandbox.failing import HttpServer, Reply, running
from tests.cli.checks.conftest import OURS, Machine

WHO = Reply(200, b'{"name": "bot"}')


def version(text: str, **headers: str) -> Reply:
    return Reply(200, json.dumps({"version": text}).encode(), headers)


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> object:
    def to(port: int) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_OPENMETADATA", json.dumps(
            {"conn_type": "http", "host": "127.0.0.1", "port": port, "password": "canary-token"}
        ))  # fmt: skip
        monkeypatch.setenv(f"{OURS}OPENMETADATA_CONN_ID", "openmetadata")

    return to


def test_each_interpreter_is_asked_for_its_version(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = machine.home / "python"
    broken.write_text("#!/bin/sh\necho canary >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv(f"{OURS}PYTHON", sys.executable)
    monkeypatch.setenv(f"{OURS}ALLOWED_PYTHONS", f"{broken},/not/there/python")
    first, second, third = machine.said("ingestion")
    assert first.startswith("ok: openmetadata-ingestion ")
    assert first.endswith(f"is installed for '{sys.executable}'")
    assert second.startswith("warn: '/not/there/python' is not on this machine")
    assert third.startswith(f"fail: '{broken}' prints no version that can be read. Install openmetadata-ingestion")
    monkeypatch.setenv(f"{OURS}INGESTION_VERSION", "1.2.3.4")
    assert machine.said("ingestion")[-1].startswith("warn: [openmetadata_dag_factory] ingestion_version is 1.2.3.4")


def test_without_a_connection_for_all_no_server_is_asked(machine: Machine) -> None:
    (said,) = machine.said("server")
    assert said.startswith("ok: [openmetadata_dag_factory] openmetadata_conn_id is empty: each config names its own")


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (version("1.9.4"), "ok: the OpenMetadata server {server} answers and accepts the token, version 1.9.4, as"),
        (version("1.9.4-SNAPSHOT"), "ok: "),
        (version("1.9.5"), "warn: the OpenMetadata server {server} has version 1.9.5, and the workers have"),
        (version("1.10.0"), "fail: the OpenMetadata server {server} has version 1.10.0, and the workers"),
        (version("latest"), "warn: the OpenMetadata server {server} does not say which version it has"),
        (Reply(401), "fail: the OpenMetadata server {server} refuses the token (401). Renew"),
        (Reply(200, b"<html>"), "fail: the OpenMetadata server {server} does not answer as OpenMetadata's API does"),
    ],
    ids=["same", "snapshot", "other patch", "other", "strange", "token", "page"],
)  # fmt: skip
def test_the_server_s_version_is_compared_with_the_workers(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, connect: object, reply: Reply, said: str
) -> None:
    monkeypatch.setenv(f"{OURS}INGESTION_VERSION", "1.9.4.0")
    with running(HttpServer({"/api/v1/system/version": reply}, otherwise=WHO)) as server:
        connect(server.port)  # type: ignore[operator]
        (found,) = machine.said("server")
    assert found.startswith(said.format(server=f"127.0.0.1:{server.port}"))
    assert "canary" not in found


def test_an_interpreter_that_only_another_server_accepts_is_named(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, connect: object
) -> None:
    old = machine.home / "python"
    old.write_text("""#!/bin/sh\necho '{"version": "1.12.14.2", "places": []}'\n""")
    old.chmod(0o755)
    monkeypatch.setenv(f"{OURS}ALLOWED_PYTHONS", str(old))
    monkeypatch.setenv(f"{OURS}INGESTION_VERSION", "2.0.6.0")
    with running(HttpServer({"/api/v1/system/version": version("2.0.6")}, otherwise=WHO)) as server:
        connect(server.port)  # type: ignore[operator]
        fitting, found = machine.said("server")
    assert fitting.startswith("ok: ")
    assert found.startswith(f"warn: '{old}' has openmetadata-ingestion 1.12.14.2, and the server has version 2.0.6: ")
    assert "allowed_pythons" in found


def test_a_server_that_is_down_fails_with_the_way_out(machine: Machine, connect: object) -> None:
    connect(1)  # type: ignore[operator]
    (found,) = machine.said("server")
    assert found == (
        "fail: the OpenMetadata server 127.0.0.1:1 is down: nothing listens there. Start it, or check the port in "
        "openMetadataServerConnection.hostPort."
    )


def test_a_connection_that_is_missing_is_named(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{OURS}OPENMETADATA_CONN_ID", "nowhere")
    (found,) = machine.said("server")
    assert found.startswith("fail: [openmetadata_dag_factory] openmetadata_conn_id ")
    assert "'nowhere'" in found


@pytest.mark.parametrize(
    ("seconds", "level", "words"),
    [
        (0, "ok", "differs by"),
        (3_600, "warn", "s ahead. Set both by NTP"),
        (-3_600, "warn", "s behind. Set both by NTP"),
    ],
)
def test_the_server_s_clock_is_compared(
    machine: Machine, connect: object, seconds: float, level: str, words: str
) -> None:
    reply = version("1.9.4", Date=formatdate(time.time() + seconds, usegmt=True))
    with running(HttpServer({"/api/v1/system/version": reply}, otherwise=WHO)) as server:
        connect(server.port)  # type: ignore[operator]
        database, found = machine.said("clock")
    assert database.startswith("unknown: the time of Airflow's database is unknown: its file")
    assert found.startswith(f"{level}: the clock of the OpenMetadata server 127.0.0.1:{server.port}")
    assert words in found


def test_a_relative_working_directory_gives_the_interpreter_nothing(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(machine.home)
    Path("openmetadata_ingestion-9.9.9.dist-info").mkdir()
    Path("openmetadata_ingestion-9.9.9.dist-info/METADATA").write_text("Name: openmetadata-ingestion\nVersion: 9.9.9\n")
    monkeypatch.setenv(f"{OURS}PYTHON", sys.executable)
    assert "9.9.9" not in machine.said("ingestion")[0]
