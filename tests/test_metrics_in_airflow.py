"""A real Airflow sends the metrics of a parse, a deploy, a refusal and runs; and `doctor` finds it well."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox.client import wait_until
from sandbox.pipeline_service import PipelineServiceError
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack
from tests.e2e.airflows import LOADERS
from tests.e2e.pipelines import drop, sample
from tests.e2e.runs import run
from tests.e2e.servers import calling
from tests.metrics_receivers import OtlpReceiver, StatsdReceiver
from tests.test_monitoring import mapped

pytestmark = pytest.mark.e2e


def wait_for(statsd: StatsdReceiver, pattern: str) -> str:
    """Wait until a line has come that matches as a whole, and return it."""

    def look() -> tuple[str | None, str]:
        lines = statsd.named("airflow.openmetadata.")
        return next(filter(re.compile(pattern).fullmatch, lines), None), "\n".join(lines[-30:])

    return wait_until(look, f"a metric like {pattern}", 60)


def test_a_parse_a_deploy_a_refusal_and_runs_are_measured(
    airflow: AirflowStack, config_store: Path, statsd: StatsdReceiver
) -> None:
    with calling(airflow, "openmetadata") as server:
        server.deploy(sample("measured"))
        wait_for(statsd, r"airflow\.openmetadata\.deploys\.changed:1\|c")
        with pytest.raises(PipelineServiceError):
            server.deploy(sample("wrong", pipelineType="dance"))
    wait_for(statsd, r"airflow\.openmetadata\.refusals\.deploy\.invalid:1\|c")
    (config_store / "never_good.json").write_text("{")
    try:
        assert run(airflow, "measured").state == "success"
        assert run(airflow, "never_good").state == "failed"
    finally:
        (config_store / "never_good.json").unlink()
    wait_for(statsd, rf"airflow\.openmetadata\.configs\.good\.\d+_of_{LOADERS}:[1-9]\d*\|g")
    wait_for(statsd, rf"airflow\.openmetadata\.configs\.broken\.\d+_of_{LOADERS}:[1-9]\d*\|g")
    wait_for(statsd, rf"airflow\.openmetadata\.load\.\d+_of_{LOADERS}:[0-9.]+\|ms")
    wait_for(statsd, r"airflow\.openmetadata\.runs\.metadata\.success:1\|c")
    wait_for(statsd, r"airflow\.openmetadata\.runs\.broken\.failed:1\|c")
    wait_for(statsd, r"airflow\.openmetadata\.run\.records\.metadata:[1-9]\d*\|c")
    wait_for(statsd, r"airflow\.openmetadata\.run\.(warnings|errors)\.metadata:\d+\|c")
    wait_for(statsd, r"airflow\.openmetadata\.run\.workflow\.metadata:[0-9.]+\|ms")
    wait_for(statsd, r"airflow\.openmetadata\.run\.overhead\.metadata:[0-9.]+\|ms")
    # What the alerts ask of Airflow itself.
    wait_until(lambda: (statsd.named("airflow.dag_processor_heartbeat:1|c") or None, ""), "a heartbeat", 60)
    # The exporter knows all that any test has had Airflow send.
    for line in statsd.named("airflow.openmetadata."):
        assert mapped(line.partition(":")[0])[1], line


def test_a_collector_of_opentelemetry_gets_them_from_every_component(
    airflow_apart: AirflowStack, otlp: OtlpReceiver
) -> None:
    def received(name: str, **tags: str) -> None:
        """Wait for a value that is more than zero."""

        def look() -> tuple[bool, str]:
            points = [each for each in otlp.points if each[0] == f"airflow.openmetadata.{name}"]
            return any(tags.items() <= theirs.items() and value > 0 for _, theirs, value in points), str(points[-20:])

        wait_until(look, f"{name} with {tags}", 90)

    with calling(airflow_apart) as server:
        server.deploy(sample("traced"))
        with pytest.raises(PipelineServiceError):
            server.deploy(sample("wrong", pipelineType="dance"))
    assert run(airflow_apart, "traced").state == "success"
    received("deploys", outcome="changed")
    received("refusals", call="deploy", reason="invalid")
    received("configs", state="good", shard="0_of_1")
    received("load", shard="0_of_1")
    received("runs", type="metadata", outcome="success")
    received("run.records", type="metadata")
    received("run.workflow", type="metadata")


def test_doctor_finds_a_healthy_airflow_well(
    airflow: AirflowStack, config_store: Path, openmetadata: OpenMetadataServer
) -> None:
    airflow.wait_for_dag(drop(config_store, sample("well")))
    env = {**os.environ, **openmetadata.env, "AIRFLOW_HOME": str(airflow.home)}
    command = [sys.executable, "-m", "dag_factory.cli", "doctor", "--output", "json"]
    done = subprocess.run(command, env=env, cwd=airflow.home, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    found: dict[str, list[dict[str, Any]]] = {each["check"]: each["findings"] for each in json.loads(done.stdout)}
    for check in ("plugin", "database", "processes", "locks", "loader", "ingestion", "clock", "api"):
        assert {finding["level"] for finding in found[check]} == {"ok"}, found[check]
    assert any(re.search(r"\d+ DAGs of ours from \d+ files?\b", each["text"]) for each in found["loader"])
    assert "unknown" not in {finding["level"] for findings in found.values() for finding in findings}, found
