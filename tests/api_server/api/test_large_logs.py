"""Large logs in a real Airflow: page by page, in the memory of a small one."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import psutil
import pytest

from dag_factory.api_server.api.log_pages import LONGEST_LINE, PAGE_CHARACTERS
from sandbox.pipeline_service import PipelineServiceClient
from sandbox.stack import AirflowStack
from tests.e2e.pipelines import TASK, sample
from tests.e2e.runs import wait_for_state
from tests.e2e.servers import calling

pytestmark = pytest.mark.e2e

NAME = "large_log"


@pytest.fixture(scope="module")
def server(airflow: AirflowStack) -> Iterator[PipelineServiceClient]:
    with calling(airflow) as client:
        yield client


def run_to_its_end(server: PipelineServiceClient) -> None:
    server.deploy(sample(NAME))
    run_id = str(uuid.uuid4())
    server.trigger(NAME, {"pipelineRunId": run_id})
    wait_for_state(server, NAME, run_id, "success", "failed")


def event(number: int) -> str:
    return f"line {number:6} {'x' * 1000}"


def write_log(path: Path, lines: int) -> None:
    """Put a log of a task in place of another, in Airflow's own form."""
    begin = datetime(2026, 1, 1, tzinfo=timezone.utc)
    with path.open("w") as log:
        for number in range(lines):
            moment = (begin + timedelta(milliseconds=number)).isoformat()
            log.write(json.dumps({"timestamp": moment, "level": "info", "event": event(number)}) + "\n")


def memory(airflow: AirflowStack) -> int:
    """Return the resident bytes of the API server with all its processes."""
    total = 0
    for process in psutil.Process(airflow.processes["api-server"].pid).children(recursive=True):
        total += process.memory_info().rss
    return total


def page(server: PipelineServiceClient, number: int) -> dict[str, Any]:
    answer: dict[str, Any] = server.call(
        "GET", "last_dag_logs", params={"dag_id": NAME, "task_id": TASK, "after": number}
    )
    return answer


@pytest.fixture(scope="module")
def log(airflow: AirflowStack, server: PipelineServiceClient) -> Path:
    """The log of a run that has ended, to be replaced by a large one."""
    run_to_its_end(server)
    (path,) = (airflow.home / "logs").glob(f"dag_id={NAME}/run_id=*/task_id={TASK}/attempt=1.log")
    return path


def test_a_large_log_comes_whole_in_pages_that_stay(server: PipelineServiceClient, log: Path) -> None:
    lines = 8_000
    write_log(log, lines)
    pages: list[str] = []
    following: int | None = 0
    while following is not None:
        answer = page(server, following)
        pages.append(str(answer[TASK]))
        assert answer["total"] > len(pages) - 1
        following = answer.get("after")

    assert len(pages) == answer["total"]
    text = "\n".join(pages)
    assert [line.partition(" INFO - ")[2] for line in text.splitlines() if " INFO - " in line] == [
        event(number) for number in range(lines)
    ]
    assert all(PAGE_CHARACTERS - LONGEST_LINE < len(each) < PAGE_CHARACTERS for each in pages[:-1])
    for number in (0, len(pages) // 2, len(pages) - 1):
        assert page(server, number)[TASK] == pages[number]


def test_a_log_costs_the_api_server_no_memory_of_its_size(
    airflow: AirflowStack, server: PipelineServiceClient, log: Path
) -> None:
    # What any large log needs, Airflow's own buffer of some thousand lines first of all, is needed from here on.
    write_log(log, 10_000)
    for number in range(5):
        page(server, number)
    before = memory(airflow)

    # So large that holding it stands out from the usual changes of a process's memory.
    write_log(log, 150_000)
    memories = []
    for number in (0, 150):
        assert str(page(server, number)[TASK]).count(" INFO - ") > 900
        memories.append(memory(airflow))
    grown = max(memories) - before
    print(f"a log of {log.stat().st_size >> 20} MiB: the API server grew from {before >> 20} by {grown >> 20} MiB")
    assert grown < log.stat().st_size / 3
