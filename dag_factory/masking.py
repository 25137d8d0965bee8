"""The mask: keeps a run's secrets out of its log lines and errors, before these leave the task's process."""

from __future__ import annotations

import json
import logging
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, quote_plus

from dag_factory.secrets import HIDDEN

# Shorter texts, as secrets, give nothing away that a log without them would not; to hide them would tear it to bits.
_MIN_LENGTH = 4
_MIN_LINE_LENGTH = 16

# An error of pydantic quotes the beginning and the end of a wrong value, so also one half of a secret within it.
_QUOTED_BY_PYDANTIC = re.compile(r"input_value=.*?(?=, input_type=)", re.DOTALL)


class Mask:
    """
    Hides the secrets that it has been told, in whatever form they are likely to be printed.

    Airflow's own masking (``mask_secret``) serves the task's log, but not the copy of it that LocalExecutor prints to
    the scheduler's output. So secrets are hidden here, at the source.

    :param in_task: whether this is a task's process, so that Airflow is to hide them too
    """

    def __init__(self, *, in_task: bool = True) -> None:
        self._in_task = in_task
        self.secrets: set[str] = set()
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, secret: str) -> None:
        """Hide a secret from now on."""
        if len(secret) < _MIN_LENGTH:
            return
        if self._in_task:
            from airflow.sdk.log import mask_secret

            mask_secret(secret)
        self.secrets.add(secret)
        # A key of several lines may be printed line by line.
        lines = {line for line in secret.splitlines() if len(line) >= _MIN_LINE_LENGTH}
        self._forms |= lines | {
            secret,
            quote(secret, safe=""),
            quote_plus(secret),
            json.dumps(secret)[1:-1],
            repr(secret)[1:-1],
        }
        # The longest first: a secret may be a part of another.
        forms = sorted(self._forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, forms)))

    def hide(self, text: str) -> str:
        """Return a text with ``***`` in place of every secret, and of every value that pydantic quotes."""
        text = _QUOTED_BY_PYDANTIC.sub(f"input_value={HIDDEN}", text)
        return self._pattern.sub(HIDDEN, text) if self._pattern else text

    @contextmanager
    def over_logs(self) -> Iterator[None]:
        """
        Rewrite what any logger of this process logs, for as long as the context lasts.

        Records are rewritten as they are made: filters of a logger see its own alone, and those of handlers miss the
        handlers that a workflow adds, such as the one that streams its log to the OpenMetadata server.
        """
        make = logging.getLogRecordFactory()
        logging.setLogRecordFactory(lambda *args, **kwargs: self._rewritten(make(*args, **kwargs)))
        try:
            yield
        finally:
            logging.setLogRecordFactory(make)

    def _rewritten(self, record: logging.LogRecord) -> logging.LogRecord:
        """Return a log record, its exception included, without secrets."""
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001 - a call with the wrong arguments is to be seen, not to end a workflow
            text = f"{record.msg} {record.args}"
        if record.exc_info and record.exc_info[0] is not None:
            text = f"{text}\n{''.join(traceback.format_exception(*record.exc_info))}"
        record.msg, record.args, record.exc_info, record.exc_text = self.hide(text), (), None, None
        return record
