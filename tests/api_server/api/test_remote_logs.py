"""Where Airflow keeps the logs of tasks elsewhere, the server gets them from there."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from dag_factory.api_server.api.log_pages import readable
from sandbox.client import wait_until
from sandbox.stack import AirflowStack
from tests.e2e.pipelines import TASK, sample
from tests.e2e.servers import calling

pytestmark = pytest.mark.e2e

NAME = "remote_log"


def test_a_log_that_is_kept_elsewhere_is_whole_and_readable_when_the_local_one_is_gone(
    airflow_apart: AirflowStack,
) -> None:
    elsewhere = Path(airflow_apart.option("logging", "remote_base_log_folder"))
    with calling(airflow_apart) as server:
        server.deploy(sample(NAME))
        server.trigger(NAME, {"pipelineRunId": str(uuid.uuid4())})

        def uploaded() -> tuple[Path | None, str]:
            runs = server.status(NAME)
            return next(elsewhere.glob(f"dag_id={NAME}/**/attempt=1.log"), None), f"{runs}"

        remote = wait_until(uploaded, "the log to be kept elsewhere", timeout=300)
        local = airflow_apart.home / "logs" / remote.relative_to(elsewhere)
        written = local.read_bytes()
        local.unlink()

        log = server.log(NAME, TASK).splitlines()

    assert f"elsewhere: {remote}" in log
    text = [readable(entry) for entry in written.splitlines()]
    lines = [line for entry in text if entry is not None for line in entry.splitlines()]
    assert any("Workflow Success %: 100.0" in line for line in lines)
    assert sorted(set(lines) - set(log)) == []
    assert not [line for line in log if line.startswith("{")]
