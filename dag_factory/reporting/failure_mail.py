"""The mail to ``airflowConfig.email`` when a task has failed and is not retried."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dag_factory.portable.plain_text import cut, one_line
from dag_factory.portable.secrets.redaction import redact, redact_beginning
from dag_factory.settings import airflow_settings

if TYPE_CHECKING:
    from airflow.sdk import Context

_MAX_TEXT = 4_000


@dataclass(frozen=True)
class FailureMail:
    """
    A callback for a task's failure; it sends the mail from the task's own process only.

    Airflow also calls it in the DAG processor, for a task whose worker disappeared. There it does nothing: the
    scheduler knows the reason, and sends each mail that a task could not (`dag_factory.reporting.scheduler_mail`).

    It uses Airflow's hook, not its notifier: a notifier renders all its texts as Jinja templates with the task's
    context, by which a document could run commands. Here every text is data.

    :param recipients: addresses
    :param title: the pipeline's name for people
    """

    recipients: tuple[str, ...]
    title: str

    def __call__(self, context: Context) -> None:
        if getattr(context["task"], "has_begun", False):
            self.send(context)

    def send(self, context: Mapping[str, Any]) -> None:
        """Send the mail, from any process of Airflow's."""
        # Imported late, to keep parses cheap.
        from airflow.providers.smtp.hooks.smtp import SmtpHook

        with SmtpHook(smtp_conn_id=airflow_settings.mail_connection()) as hook:
            hook.send_email_smtp(to=list(self.recipients), subject=subject(context), html_content=self.body(context))

    def body(self, context: Mapping[str, Any]) -> str:
        """Return the mail's text, HTML in which all texts of the document and the run are escaped."""
        task = context["ti"]
        reason = context.get("exception") or "The task ended without a reason. See its log."
        rows = {
            "Pipeline": self.title,
            "DAG": task.dag_id,
            "Run": task.run_id,
            "Task": f"{task.task_id}, try {task.try_number}",
            "Reason": redact(_hidden(str(reason))),
        }
        link = html.escape(task.log_url)
        lines = [
            f"<tr><td>{name}</td><td>{html.escape(cut(one_line(text), _MAX_TEXT))}</td></tr>"
            for name, text in rows.items()
        ]
        log = f'<tr><td>Log</td><td><a href="{link}">{link}</a></td></tr>'
        return f"<!DOCTYPE html><html><body><table>\n{chr(10).join([*lines, log])}\n</table></body></html>\n"


def failure_mail(recipients: tuple[str, ...], title: str) -> FailureMail | None:
    """Return a callback that mails a task's failure to addresses, None where there are none."""
    return FailureMail(recipients, redact_beginning(title, _MAX_TEXT)) if recipients else None


def subject(context: Mapping[str, Any]) -> str:
    """Return the mail's subject, one line."""
    task = context["ti"]
    return one_line(f"OpenMetadata pipeline failed: DAG {task.dag_id}, run {task.run_id}")


def _hidden(text: str) -> str:
    """Return a text without the secrets that Airflow knows; our own mask has already hidden the document's."""
    from airflow.sdk.log import redact as hide  # type: ignore[attr-defined]

    return str(hide(text))
