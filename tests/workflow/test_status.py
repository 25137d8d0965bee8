"""The end of a run at the server, by openmetadata-ingestion's client, whose own reports may be lost."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from dag_factory.workflow.status import ended, ensure_end, has_ended, report_failed

FQN = 'shop."a/b"'
RUN = str(uuid.uuid4())
BEGAN = 1000
STEPS = [{"name": "Source", "records": 3, "errors": 1}]


class Refusal(Exception):
    """An error as openmetadata-ingestion's client raises it."""

    def __init__(self, code: int) -> None:
        super().__init__(f"answers {code}")
        self.status_code = code


class Client:
    """Calls as openmetadata-ingestion's client has them, the next of which go wrong; with None it hides an error."""

    def __init__(self, known: dict[str, Any] | None = None, *problems: Exception | None) -> None:
        self.known = {"runId": RUN, **known} if known else None
        self.problems = list(problems)
        self.asked = 0
        self.client = self

    def get(self, path: str) -> dict[str, Any] | None:
        assert path == f"/services/ingestionPipelines/shop.%22a%2Fb%22/pipelineStatus/{RUN}"
        self.asked += 1
        return self.known

    def put(self, path: str, data: str) -> None:
        assert path == "/services/ingestionPipelines/shop.%22a%2Fb%22/pipelineStatus"
        if not self.problems:
            self.known = json.loads(data)
        elif (problem := self.problems.pop(0)) is not None:
            raise problem


def ensure(client: Any, state: str = "partialSuccess", **options: Any) -> str:
    return ensure_end(client, FQN, RUN, state, steps=STEPS, since=BEGAN, **options)


def test_what_a_workflow_has_reported_is_asked_for_and_left() -> None:
    client = Client({"pipelineState": "failed", "endDate": BEGAN})
    assert ensure(client) == "failed"
    assert client.asked == 1


@pytest.mark.parametrize(
    "known",
    [None, {"pipelineState": "running", "startDate": BEGAN}, {"pipelineState": "success", "endDate": BEGAN - 1}],
    ids=["nothing", "that it runs", "the end of an earlier run"],
)
@pytest.mark.parametrize("problem", [[], [None], [Refusal(500)], [ConnectionError("away")]])
def test_where_that_is_lost_it_is_told_until_it_has_arrived(
    known: dict[str, Any] | None, problem: list[Exception | None]
) -> None:
    client = Client(known, *problem)
    assert ensure(client) == "partialSuccess"
    assert client.known is not None
    assert client.known["pipelineState"] == "partialSuccess"
    assert client.known["endDate"] >= BEGAN
    assert client.known["status"][0]["errors"] == 1


@pytest.mark.parametrize(("problem", "patience"), [(Refusal(404), 60.0), (ConnectionError("away"), 0.0)])
def test_a_server_that_refuses_or_stays_away_ends_no_task(
    problem: Exception, patience: float, caplog: pytest.LogCaptureFixture
) -> None:
    assert ensure(Client(None, *[problem] * 9), patience=patience) == "partialSuccess"
    assert f"could not be told that the run ended as partialSuccess: {problem}" in caplog.text


def test_what_is_told_of_a_failure_keeps_what_is_known() -> None:
    client: Any = Client({"pipelineState": "running", "startDate": 5, "timestamp": 5})
    report_failed(client, FQN, RUN, reason="killed")
    assert client.known["pipelineState"] == "failed"
    assert client.known["startDate"] == 5
    assert client.known["status"][0]["failures"] == [{"name": "Airflow", "error": "killed"}]


def test_a_failure_takes_the_place_of_another_end_only_for_whoever_knows_better() -> None:
    client: Any = Client({"pipelineState": "success", "endDate": BEGAN})
    report_failed(client, FQN, RUN, since=BEGAN)
    assert client.known["pipelineState"] == "success"
    report_failed(client, FQN, RUN, since=BEGAN + 1)
    assert client.known["pipelineState"] == "failed"
    client = Client({"pipelineState": "success", "endDate": BEGAN})
    report_failed(client, FQN, RUN, overrule=True)
    assert client.known["pipelineState"] == "failed"


@pytest.mark.parametrize("state", ["queued", "running", None])
def test_a_run_that_goes_on_has_not_ended(state: str | None) -> None:
    assert not has_ended({"pipelineState": state})


def test_steps_take_the_place_of_older_ones() -> None:
    assert ended({"status": [{"name": "old"}]}, RUN, "success", steps=STEPS)["status"] == STEPS
