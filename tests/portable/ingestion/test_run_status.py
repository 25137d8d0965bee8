"""The end of a run at the server, by openmetadata-ingestion's client, whose own reports may be lost."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from dag_factory.portable.ingestion.run_status import Ensured, ensure_reported, report_once
from dag_factory.portable.openmetadata.outcomes import Report, Reporter

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


def ensure(client: Any, **options: Any) -> Ensured:
    report = Report(Reporter.WORKFLOW, "partialSuccess", started=BEGAN, since=BEGAN, steps=STEPS)
    return ensure_reported(client, FQN, RUN, report, pause=0.01, **options)


def failed(reporter: Reporter = Reporter.KILL_HANDLER, since: int = BEGAN) -> Report:
    return Report(reporter, "failed", "killed", started=BEGAN, since=since)


def test_what_a_workflow_has_reported_is_asked_for_and_left() -> None:
    client = Client({"pipelineState": "failed", "endDate": BEGAN})
    assert ensure(client) == ("failed", True)
    assert client.asked == 1


@pytest.mark.parametrize(
    "known",
    [None, {"pipelineState": "running", "startDate": BEGAN}, {"pipelineState": "success", "endDate": BEGAN - 1}],
    ids=["nothing", "that it runs", "the end of an earlier run"],
)
@pytest.mark.parametrize("problem", [[], [None], [Refusal(500)], [ConnectionError("away")]])
def test_where_that_is_lost_it_is_sent_until_it_has_arrived(
    known: dict[str, Any] | None, problem: list[Exception | None]
) -> None:
    client = Client(known, *problem)
    assert ensure(client) == ("partialSuccess", True)
    assert client.known is not None
    assert client.known["pipelineState"] == "partialSuccess"
    assert client.known["endDate"] >= BEGAN
    assert client.known["status"][0]["errors"] == 1


@pytest.mark.parametrize(("problem", "seconds"), [(Refusal(404), 60.0), (ConnectionError("away"), 0.0)])
def test_a_server_that_refuses_or_stays_away_ends_no_task(
    problem: Exception, seconds: float, caplog: pytest.LogCaptureFixture
) -> None:
    assert ensure(Client(None, *[problem] * 9), seconds=seconds) == ("partialSuccess", False)
    assert f"can't be reported to the OpenMetadata server as partialSuccess: {problem}" in caplog.text


def test_what_is_reported_of_a_failure_keeps_what_is_known() -> None:
    client: Any = Client({"pipelineState": "running", "startDate": 5, "timestamp": 5})
    assert report_once(client, FQN, RUN, failed())
    assert client.known["pipelineState"] == "failed"
    assert client.known["startDate"] == 5
    assert client.known["status"][0]["failures"] == [{"name": "Task, while it was stopped", "error": "killed"}]


def test_a_failure_overrides_another_final_state_only_where_the_rule_says_so() -> None:
    client: Any = Client({"pipelineState": "success", "endDate": BEGAN})
    report_once(client, FQN, RUN, failed())
    assert client.known["pipelineState"] == "success"
    report_once(client, FQN, RUN, failed(since=BEGAN + 1))
    assert client.known["pipelineState"] == "failed"
    client = Client({"pipelineState": "success", "endDate": BEGAN})
    report_once(client, FQN, RUN, failed(Reporter.TASK))
    assert client.known["pipelineState"] == "failed"


def test_a_server_that_refuses_a_report_raises_nothing(caplog: pytest.LogCaptureFixture) -> None:
    client: Any = Client(None, Refusal(404))
    assert not report_once(client, FQN, RUN, failed())
    assert "can't be reported to the OpenMetadata server as failed: answers 404" in caplog.text


def test_steps_take_the_place_of_older_ones() -> None:
    client: Any = Client({"pipelineState": "running", "status": [{"name": "old"}]})
    ensure(client)
    assert client.known["status"] == STEPS
