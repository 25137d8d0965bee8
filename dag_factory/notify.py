"""Whom to tell when a task has failed for good (``airflowConfig.email``)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import Context


def failure_mail(address: str | None) -> Callable[[Context], None] | None:
    """Return a callback for a task's failure that mails to an address, or None where nobody is to be told."""
    return partial(_send, address) if address else None


def _send(address: str, context: Context) -> None:
    # Airflow's own notifier: its Connection `smtp_default`, its templates. Imported late, for parse time is poor.
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    SmtpNotifier(to=address)(context)
