"""What a task fails with: plain words, and no secrets."""

from __future__ import annotations

import pytest

from dag_factory.errors import ConfigError, MissingConnectionError, ServerUnavailable, WorkflowError
from dag_factory.portable.openmetadata.counts import summary_of, with_summary
from dag_factory.portable.secrets.masking import Mask
from dag_factory.settings.airflow_versions import AirflowFailException, AirflowTaskTimeout
from dag_factory.task.failures import in_plain_words, reason_of, without_secrets

CANARY = "canary-7d1c"


@pytest.fixture
def mask() -> Mask:
    found = Mask(in_airflow=False)
    found.add(CANARY)
    return found


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (ConfigError(f"is {CANARY}", field="name"), AirflowFailException, "field 'name': is ***"),
        (
            MissingConnectionError(f"is {CANARY}", field="name").within("a.json"),
            MissingConnectionError,
            "config 'a.json', field 'name': is ***",
        ),
        (AirflowFailException(CANARY), AirflowFailException, "***"),
        (ServerUnavailable(CANARY), ServerUnavailable, "***"),
        (KeyError(CANARY), WorkflowError, "KeyError: '***'"),
    ],
    ids=["a wrong config", "a Connection that may come back", "as it is", "as ours", "anything else"],
)
def test_an_error_becomes_what_airflow_takes_it_for(error: Exception, kind: type, text: str, mask: Mask) -> None:
    failure = in_plain_words(error, mask)
    assert type(failure) is kind
    assert str(failure) == text


@pytest.mark.parametrize("error", [WorkflowError("x"), KeyError("x")], ids=["ours", "anything else"])
def test_what_a_failed_workflow_has_counted_is_kept(error: Exception, mask: Mask) -> None:
    summary = {"Source": {"records": 3, "errors": 1}}
    assert summary_of(in_plain_words(with_summary(error, summary), mask)) == summary
    assert summary_of(in_plain_words(type(error)("x"), mask)) is None


def test_an_unexpected_error_is_logged_with_its_traceback(mask: Mask, caplog: pytest.LogCaptureFixture) -> None:
    try:
        int(CANARY)
    except ValueError as error:
        in_plain_words(error, mask)
    assert "Traceback" in caplog.text
    assert "canary" not in caplog.text


@pytest.mark.parametrize(("code", "left"), [(3, 3), (None, None), (f"bye {CANARY}", "bye ***")], ids=str)
def test_the_end_of_a_process_keeps_its_code_and_loses_its_secrets(code: object, left: object, mask: Mask) -> None:
    failure = without_secrets(SystemExit(code), mask)
    assert isinstance(failure, SystemExit)
    assert failure.code == left


def test_a_time_out_names_the_setting_and_another_interruption_itself(mask: Mask) -> None:
    assert "airflowConfig.workflowTimeout" in reason_of(AirflowTaskTimeout("x"))
    stopped = without_secrets(KeyboardInterrupt(CANARY), mask)
    assert reason_of(stopped) == "The workflow ended its process (KeyboardInterrupt: ***)."
