"""The mask: keeps a run's secrets out of its log lines and errors, before these leave the task's process."""

from __future__ import annotations

import json
import logging
import traceback
import warnings
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import quote, quote_plus

from dag_factory.portable.plain_text import without_terminal_codes
from dag_factory.portable.secrets.detection import is_plain_words
from dag_factory.portable.secrets.masked_streams import rewritten_output
from dag_factory.portable.secrets.redaction import HIDDEN

# Shorter secrets are not hidden: such texts occur all over a log, so `***` in their place would make it unreadable.
_MIN_LENGTH = 4
# The same holds for short numbers, such as ports, counts and years, and for the words for "no value".
_MIN_DIGITS = 6
_WORDS = frozenset({"true", "false", "none", "null"})
_MIN_LINE_LENGTH = 16

# Pydantic's errors quote the beginning and the end of a wrong value, which may be half of a secret.
_PYDANTIC_QUOTES = "input_value="
_PYDANTIC_GOES_ON = ", input_type="


class Mask:
    """
    Hides the secrets that were added to it, in each form in which they are likely to be printed.

    Airflow's own masking (``mask_secret``) covers the task's log, but not the copy of it that LocalExecutor prints to
    the scheduler's output. So secrets are hidden here, at the source. Airflow's also misses them in JSON, URLs and
    base64, in single lines of a key, in what pydantic quotes and around a terminal code; and a child has no Airflow.

    :param in_airflow: whether to pass each secret to this process's Airflow too, which then masks it as well
    """

    def __init__(self, *, in_airflow: bool = True) -> None:
        self._in_airflow = in_airflow
        self.secrets: set[str] = set()
        self._spared: frozenset[str] = frozenset()
        self._forms: list[str] = []
        self._sorted: tuple[int, list[str]] = (0, [])

    def add(self, secret: str) -> None:
        """Hide a secret from now on, unless it is too common a text."""
        if secret in self.secrets or _is_common(secret):
            return
        if self._in_airflow:
            from airflow.sdk.log import mask_secret

            mask_secret(secret)
        self.secrets.add(secret)
        self._forms += _forms(secret)

    def add_unless_open(self, text: str) -> None:
        """
        Hide a text that may be a secret, unless it consists of plain words, or was given to `spare`.

        An encrypted option of a config may hold `verify-full` as well as a password. Where the field's name or the text
        itself shows that it is a secret, use `add`.
        """
        if text not in self._spared and not is_plain_words(text):
            self.add(text)

    def spare(self, texts: Iterable[str]) -> None:
        """Exempt texts that anybody may read, such as a service's name, from `add_unless_open`."""
        self._spared |= frozenset(texts)

    def hide(self, text: str) -> str:
        """
        Return a text with ``***`` in place of every secret, and of every value that pydantic quotes.

        Terminal codes, such as openmetadata-ingestion's colours, are removed too: one in the middle of a secret would
        keep it from being found.
        """
        plain = without_terminal_codes(text)
        if plain != text:
            # A secret may itself contain such a code, or begin where a broken code seems to end.
            plain = without_terminal_codes(self._masked(text))
        return self._masked(plain)

    def _masked(self, text: str) -> str:
        text = _without_quoted_values(text)
        # Faster than one pattern for all forms, which would try each of them at each character.
        for form in self._longest_first():
            text = text.replace(form, HIDDEN)
        return text

    def _longest_first(self) -> list[str]:
        """Return all forms, the longest first, since a secret may be part of another. Sorted once after each `add`."""
        count, forms = self._sorted
        if count != len(self._forms):
            count = len(self._forms)
            forms = sorted(set(self._forms[:count]), key=lambda form: (-len(form), form))
            self._sorted = count, forms
        return forms

    @contextmanager
    def over_output(self) -> Iterator[None]:
        """
        Mask what this process logs, prints and warns of, for as long as the context lasts.

        Log records are rewritten as they are made. A filter would not do: a logger's filter sees only that logger's own
        records, and a handler's misses the handlers that a workflow adds, such as the one that streams its log to the
        OpenMetadata server. Warnings are rewritten separately, since Airflow shows them in its own way.
        `dag_factory.portable.secrets.masked_streams` says what is not covered.
        """
        make, show = logging.getLogRecordFactory(), warnings.showwarning
        logging.setLogRecordFactory(lambda *args, **kwargs: self._rewritten(make(*args, **kwargs)))
        warnings.showwarning = lambda message, *args, **kwargs: show(self.hide(str(message)), *args, **kwargs)
        try:
            with rewritten_output(self.hide):
                yield
        finally:
            logging.setLogRecordFactory(make)
            warnings.showwarning = show

    def _rewritten(self, record: logging.LogRecord) -> logging.LogRecord:
        """Return a log record, its exception included, without secrets."""
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001 - a log call with wrong arguments must be seen, and must not end a workflow
            text = f"{record.msg} {record.args}"
        if record.exc_info and record.exc_info[0] is not None:
            text = f"{text}\n{''.join(traceback.format_exception(*record.exc_info))}"
        record.msg, record.args, record.exc_info, record.exc_text = self.hide(text), (), None, None
        return record


def _is_common(secret: str) -> bool:
    """Return whether a text is so common that hiding it would make a log unreadable."""
    shortest = _MIN_DIGITS if secret.isdecimal() else _MIN_LENGTH
    return len(secret) < shortest or secret.lower() in _WORDS


def _forms(secret: str) -> set[str]:
    """Return the forms in which a secret may be printed: plain, in Python, JSON or a URL, in base64, line by line."""
    encoded = secret.encode(errors="surrogatepass")
    # A key of several lines may be printed line by line.
    lines = {line for line in secret.splitlines() if len(line) >= _MIN_LINE_LENGTH}
    return lines | {
        secret,
        repr(secret)[1:-1],
        ascii(secret)[1:-1],
        repr(encoded)[2:-1],
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(encoded),
        quote(encoded, safe=""),
        quote(encoded, safe=" +"),  # SQLAlchemy's
        quote_plus(encoded),
        b64encode(encoded).decode().rstrip("="),
        urlsafe_b64encode(encoded).decode().rstrip("="),
    }


def _without_quoted_values(text: str) -> str:
    """Return a text without the values that pydantic's errors quote, in linear time."""
    pieces, at = [], 0
    while (begin := text.find(_PYDANTIC_QUOTES, at)) >= 0 and (end := text.find(_PYDANTIC_GOES_ON, begin)) >= 0:
        pieces += [text[at:begin], _PYDANTIC_QUOTES, HIDDEN]
        at = end
    return "".join([*pieces, text[at:]])
