"""Runs: under which id they report, and what fails before a workflow could."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from typing import Any

import pytest
import requests

from dag_factory.errors import ConfigError
from dag_factory.portable.ingestion.run import PipelineRun, PreparedRun, boolean_of
from dag_factory.portable.openmetadata.outcomes import Report, Reporter
from dag_factory.portable.openmetadata.run_ids import openmetadata_run_id
from tests.forked_python import ForkedPython


def pipeline(**fields: Any) -> dict[str, Any]:
    return {
        "name": "orders",
        "pipelineType": "metadata",
        "service": {"type": "databaseService", "name": "shop"},
        "sourceConfig": {"config": {"type": "DatabaseMetadata"}},
        "openMetadataServerConnection": {
            "hostPort": "http://127.0.0.1:1/api",
            "authProvider": "openmetadata",
            "securityConfig": {"jwtToken": "eyJhbGciOiJub25lIn0.e30.x"},
        },
        **fields,
    }


def run(**fields: Any) -> PipelineRun:
    return PipelineRun(PreparedRun(pipeline(**fields), "shop.orders", "run"), on_secret=lambda _: None)


def test_a_run_reports_under_the_id_that_the_server_has_recorded() -> None:
    given = uuid.uuid4()
    assert openmetadata_run_id("orders", "manual__2026", {"pipelineRunId": str(given).upper()}) == str(given)


def test_an_id_that_the_server_can_t_have_recorded_is_left_out() -> None:
    own = str(uuid.uuid4())
    for conf in ({"pipelineRunId": "given"}, {"pipelineRunId": 7}, {"pipelineRunId": None}, {}, None, ["a list"]):
        assert openmetadata_run_id("orders", own, conf) == own


def test_else_under_airflow_s_own_id_if_that_is_a_uuid() -> None:
    own = str(uuid.uuid4())
    assert openmetadata_run_id("orders", own) == own


def test_else_under_one_that_follows_from_dag_and_run() -> None:
    expected = uuid.uuid5(uuid.NAMESPACE_URL, "openmetadata:orders:scheduled__2026-01-01T00:00:00+00:00")
    assert openmetadata_run_id("orders", "scheduled__2026-01-01T00:00:00+00:00") == str(expected)


def test_a_config_without_a_server_says_so() -> None:
    with pytest.raises(ConfigError, match="nowhere to send") as error:
        run(openMetadataServerConnection=None).execute()
    assert error.value.field == "openMetadataServerConnection"


def test_a_text_in_a_field_that_is_true_or_false_is_what_it_says() -> None:
    for value, says in ((True, True), (False, False), ("false", False), (" True\n", True), ("FALSE", False)):
        assert boolean_of({"raiseOnError": value}, "raiseOnError", default=True) is says
    for default in (True, False):
        assert boolean_of({"raiseOnError": None}, "raiseOnError", default=default) is default
        assert boolean_of({}, "raiseOnError", default=default) is default


@pytest.mark.parametrize("value", ["", "no-canary", 0, 1, ["canary"]])
def test_what_is_neither_true_nor_false_is_refused_where_the_run_decides_by_it(value: object) -> None:
    with pytest.raises(
        ConfigError, match=r"^field 'raiseOnError': is neither true nor false\. Write true or false, without quotes$"
    ):
        run(raiseOnError=value)


def test_a_server_that_is_not_there_and_a_wrong_connection_are_told_apart_without_a_secret(
    forked_ingestion: ForkedPython,
) -> None:
    # In another process: openmetadata-ingestion changes logging, and its imports are heavy.
    script = """
import json, sys
from dag_factory.errors import DagFactoryError
from dag_factory.portable.ingestion.run import PreparedRun, PipelineRun
for document in json.load(sys.stdin):
    try:
        PipelineRun(PreparedRun(document, "shop.orders", "run"), on_secret=lambda _: None).execute()
    except DagFactoryError as error:
        print(type(error).__name__, str(error).replace(chr(10), " "))
"""
    gone = pipeline()
    wrong = pipeline(
        openMetadataServerConnection={"hostPort": "http://h/api", "securityConfig": {"jwtToken": ["canary"]}}
    )
    newer = pipeline()
    newer["openMetadataServerConnection"]["shinyNewField"] = 1
    done = forked_ingestion.run(script, env=os.environ, said=json.dumps([gone, wrong, newer]))
    assert done.returncode == 0, done.stderr
    first, second, third = (line for line in done.stdout.splitlines() if line.startswith(("Workflow", "Config")))
    assert first.startswith("WorkflowError the OpenMetadata server can't be connected to: ")
    assert second.startswith("WorkflowError openMetadataServerConnection is invalid or incomplete. Check ")
    assert third.startswith("WorkflowError the OpenMetadata server can't be connected to: ")
    assert "unknown to openmetadata-ingestion and left out: shinyNewField" in done.stderr + done.stdout
    assert "canary" not in done.stdout + done.stderr


@pytest.mark.ingestion
def test_a_worker_without_openmetadata_ingestion_says_what_to_install() -> None:
    script = """
import sys
from importlib.machinery import PathFinder

class WithoutIngestion:
    @staticmethod
    def find_spec(name, path=None, target=None):
        return None if name.partition(".")[0] == "metadata" else PathFinder.find_spec(name, path, target)

sys.meta_path[:] = [WithoutIngestion if finder is PathFinder else finder for finder in sys.meta_path]
from dag_factory.portable.ingestion.run import PreparedRun, PipelineRun
document = {"name": "a", "pipelineType": "metadata", "openMetadataServerConnection": {"hostPort": "http://h/api"}}
try:
    PipelineRun(PreparedRun(document, "a", "run"), on_secret=print).execute()
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert f"WorkflowError openmetadata-ingestion is not installed for {sys.executable}. Install" in done.stdout


class SilentServer:
    """A client of openmetadata-ingestion, as far as a report of a failure goes, and a server that says nothing."""

    def __init__(self, port: int) -> None:
        self.client = self
        self.port = port

    def get(self, path: str) -> Any:
        return requests.get(f"http://127.0.0.1:{self.port}/api/v1{path}", timeout=3600)


@pytest.mark.slow
def test_a_report_does_not_wait_for_a_server_that_says_nothing(
    silent_port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    failed = run(openMetadataServerConnection={"hostPort": f"http://127.0.0.1:{silent_port}/api"})
    failed._server = SilentServer(silent_port)
    assert not failed.report(Report(Reporter.TASK, "failed", "why"), seconds=0)
    assert "can't be reported to the OpenMetadata server as failed" in caplog.text
