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

from dag_factory.plain_text import without_terminal_codes
from dag_factory.secrets.masked_streams import rewritten_output
from dag_factory.secrets.redaction import HIDDEN
from dag_factory.secrets.texts import is_plain_words

# Shorter texts, as secrets, give nothing away that a log without them would not; to hide them would tear it to bits.
_MIN_LENGTH = 4
# So do the numbers of which every log is full, ports and counts and years, and the words that stand for no value.
_MIN_DIGITS = 6
_WORDS = frozenset({"true", "false", "none", "null"})
_MIN_LINE_LENGTH = 16

# An error of pydantic quotes the beginning and the end of a wrong value, so also one half of a secret within it.
_PYDANTIC_QUOTES = "input_value="
_PYDANTIC_GOES_ON = ", input_type="


class Mask:
    """
    Hides the secrets that were added to it, in each form in which they are likely to be printed.

    Airflow's own masking (``mask_secret``) serves the task's log, but not the copy of it that LocalExecutor prints to
    the scheduler's output. So secrets are hidden here, at the source.

    :param in_task: whether this is a task's process, so that Airflow is to hide them too
    """

    def __init__(self, *, in_task: bool = True) -> None:
        self._in_task = in_task
        self.secrets: set[str] = set()
        self._spared: frozenset[str] = frozenset()
        self._forms: list[str] = []
        self._sorted: tuple[int, list[str]] = (0, [])

    def add(self, secret: str) -> None:
        """Hide a secret from now on, unless it is too common a text."""
        if secret in self.secrets or _is_common(secret):
            return
        if self._in_task:
            from airflow.sdk.log import mask_secret

            mask_secret(secret)
        self.secrets.add(secret)
        self._forms += _forms(secret)

    def add_unless_open(self, text: str) -> None:
        """
        Hide what has come from a place for secrets, unless it is a word or a few, or what `spare` names.

        What a config's encrypted options hold may be `verify-full` as well as a password. Where the field's name or the
        text itself says that it is a secret, `add` is for it.
        """
        if text not in self._spared and not is_plain_words(text):
            self.add(text)

    def spare(self, texts: Iterable[str]) -> None:
        """Name texts that anybody may read, such as the name of a service, which an unknown field may repeat."""
        self._spared |= frozenset(texts)

    def hide(self, text: str) -> str:
        """
        Return a text with ``***`` in place of every secret, and of every value that pydantic quotes.

        It has no terminal codes either, such as the colours that openmetadata-ingestion writes: one in the middle of a
        secret would keep that from being found, and in a log they are noise.
        """
        plain = without_terminal_codes(text)
        if plain != text:
            # A secret may hold such a code itself, or begin where a broken one seems to end.
            plain = without_terminal_codes(self._masked(text))
        return self._masked(plain)

    def _masked(self, text: str) -> str:
        text = _without_quoted_values(text)
        # One after the other is faster than one pattern of all, which tries each of them at each character.
        for form in self._longest_first():
            text = text.replace(form, HIDDEN)
        return text

    def _longest_first(self) -> list[str]:
        """Return all forms, sorted once for many that were added; a secret may be a part of another."""
        count, forms = self._sorted
        if count != len(self._forms):
            count = len(self._forms)
            forms = sorted(set(self._forms[:count]), key=lambda form: (-len(form), form))
            self._sorted = count, forms
        return forms

    @contextmanager
    def over_output(self) -> Iterator[None]:
        """
        Rewrite what any logger of this process logs, what is printed and warned of, for as long as the context lasts.

        Records are rewritten as they are made: filters of a logger see its own alone, and those of handlers miss the
        handlers that a workflow adds, such as the one that streams its log to the OpenMetadata server. Warnings go past
        them: Airflow has its own way for these. What does not come by here, `dag_factory.secrets.masked_streams` says.
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
        except Exception:  # noqa: BLE001 - a call with the wrong arguments is to be seen, not to end a workflow
            text = f"{record.msg} {record.args}"
        if record.exc_info and record.exc_info[0] is not None:
            text = f"{text}\n{''.join(traceback.format_exception(*record.exc_info))}"
        record.msg, record.args, record.exc_info, record.exc_text = self.hide(text), (), None, None
        return record


def _is_common(secret: str) -> bool:
    """Return whether a text, to be hidden, would hide much that has nothing to do with it."""
    shortest = _MIN_DIGITS if secret.isdecimal() else _MIN_LENGTH
    return len(secret) < shortest or secret.lower() in _WORDS


def _forms(secret: str) -> set[str]:
    """Return how a secret may be printed: as it is, in Python, JSON or an URL, in base64, line by line."""
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
    """Return a text without the values that errors of pydantic quote. Each character of it is looked at once."""
    pieces, at = [], 0
    while (begin := text.find(_PYDANTIC_QUOTES, at)) >= 0 and (end := text.find(_PYDANTIC_GOES_ON, begin)) >= 0:
        pieces += [text[at:begin], _PYDANTIC_QUOTES, HIDDEN]
        at = end
    return "".join([*pieces, text[at:]])
