"""As many redeploys at once as there are pipelines: what a server makes of a rotated token."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.burst import burst, parses_asked_for, rotated, shows_new
from benchmarks.configs import document
from sandbox.client import wait_until
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack

pytestmark = pytest.mark.e2e

NAMES = [f"burst_{number:02}" for number in range(60)]
CONNECTIONS = 16


@pytest.fixture
def names(config_store: Path) -> Iterator[list[str]]:
    yield NAMES
    for name in NAMES:
        (config_store / f"{name}.json").unlink(missing_ok=True)


def test_every_deploy_of_a_burst_from_many_connections_is_accepted_kept_and_shown(
    airflow: AirflowStack, openmetadata: OpenMetadataServer, config_store: Path, names: list[str]
) -> None:
    first = burst(airflow, [document(name, 0, openmetadata.env, paused=True) for name in names], CONNECTIONS)
    assert Counter((answer.status, answer.reason) for answer in first.answers) == {(200, ""): len(names)}
    for name in names:
        airflow.wait_for_dag(name)
    asked_before = parses_asked_for(airflow)

    again = burst(airflow, rotated(names, dict(openmetadata.env), "eyJhbGciOiJub25lIn0.e30.rotated"), CONNECTIONS)

    assert Counter((answer.status, answer.reason) for answer in again.answers) == {(200, ""): len(names)}
    stored = [json.loads((config_store / f"{name}.json").read_text()) for name in names]
    assert {document["description"] for document in stored} == {f"{name} with its new token." for name in names}

    def look() -> tuple[bool | None, str]:
        missing = [name for name in names if not shows_new(airflow, name)]
        return (not missing or None), f"{len(missing)} of them are as before"

    wait_until(look, "Airflow to show all as they were deployed last", timeout=120)
    # However many there are, those that come while a parse is awaited are one request.
    assert parses_asked_for(airflow) - asked_before < len(names) / 2
