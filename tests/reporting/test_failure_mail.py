"""The mail of a failure: data from one end to the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from dag_factory.reporting.failure_mail import FailureMail, failure_mail, subject
from sandbox.mailbox import Mailbox

RENDERED = "{{ 7 * 7 }} {% if 1 %}x{% endif %} <img src=http://tracker.example/p.png> <script>x</script>"


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    with Mailbox() as mailbox:
        connection = {**mailbox.connection, "extra": json.loads(mailbox.connection["extra"])}
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
        yield mailbox


def context(*, has_begun: bool = True, **fields: Any) -> Any:
    task = {"dag_id": "orders", "run_id": "manual__1", "task_id": "ingestion_task", "try_number": 2}
    instance = SimpleNamespace(**task, log_url="http://airflow/dags/orders?a=1&b=2")
    return {"ti": instance, "task": SimpleNamespace(has_begun=has_begun), **fields}


def test_nobody_to_mail_is_no_callback() -> None:
    assert failure_mail((), "orders") is None


def test_every_recipient_gets_what_failed_why_and_where_the_log_is(mailbox: Mailbox) -> None:
    mail = failure_mail(("a@example.com", "b@example.com"), "Orders, daily")
    assert mail is not None
    mail(context(exception=ValueError("connection refused")))
    assert mailbox.received.wait(10)
    assert mailbox.recipients == ["a@example.com", "b@example.com"]
    (message,) = mailbox.mails
    assert message["Subject"] == "OpenMetadata pipeline failed: DAG orders, run manual__1"
    assert message["To"] == "a@example.com, b@example.com"
    assert message["From"] == "airflow@example.com"
    for text in (
        "Orders, daily",
        "ingestion_task, try 2",
        "connection refused",
        "http://airflow/dags/orders?a=1&amp;b=2",
    ):
        assert text in mailbox.text


def test_templates_and_html_in_any_text_arrive_as_the_text_that_they_are(mailbox: Mailbox) -> None:
    FailureMail(("a@example.com",), RENDERED)(context(exception=RuntimeError(RENDERED)))
    assert mailbox.received.wait(10)
    assert mailbox.text.count("{{ 7 * 7 }} {% if 1 %}x{% endif %}") == 2
    assert "49" not in mailbox.mails[0]["Subject"]
    assert "<img" not in mailbox.text
    assert "<script" not in mailbox.text
    assert "&lt;img src=http://tracker.example/p.png&gt;" in mailbox.text


def test_a_run_s_id_can_add_no_header() -> None:
    found = context()
    found["ti"].run_id = "x\r\nBcc: victim@example.com\u2028\u202ey"
    assert subject(found) == "OpenMetadata pipeline failed: DAG orders, run x Bcc: victim@example.com y"


def test_secrets_of_the_title_or_the_reason_stay_out() -> None:
    mail = failure_mail(("a@example.com",), "Ask https://host/?access_token=s3cr3t-canary")
    assert mail is not None
    assert "s3cr3t-canary" not in mail.body(context(exception=ValueError("postgresql://u:s3cr3t-canary@host/db")))


def test_a_reason_without_end_is_cut_and_one_that_is_missing_is_said_to_be() -> None:
    mail = FailureMail(("a@example.com",), "orders")
    assert len(mail.body(context(exception=ValueError("x" * 1_000_000)))) < 10_000
    assert "ended without a reason" in mail.body(context(exception=None))


def test_a_process_that_did_not_run_the_task_leaves_the_mail_to_the_scheduler_which_knows_the_reason(
    mailbox: Mailbox,
) -> None:
    mail = FailureMail(("a@example.com",), "orders")
    mail(context(has_begun=False, exception="Task did not emit heartbeat"))
    mail.send(context(has_begun=False, exception="The task's worker went away"))
    assert mailbox.received.wait(10)
    assert "The task&#x27;s worker went away" in mailbox.text
    assert len(mailbox.mails) == 1
