"""Logs a child's output without secrets, and keeps its answer."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

from dag_factory.portable.ingestion import child
from dag_factory.portable.secrets.masking import Mask
from dag_factory.task.runner.lines import Lines
from dag_factory.task.runner.pipes import Piece, Source

_LONGEST_LINE = 1024 * 1024
# Where a line is cut, a part of a secret may be left that can't be recognized. No secret is longer than this.
_LONGEST_SECRET = 65536

log = logging.getLogger(__name__)


class Transcript:
    """
    Logs what a child prints and sends, and keeps its answer.

    :param mask: gets each secret that the child reports
    :param on_answer: called when the answer has come
    """

    def __init__(self, mask: Mask, on_answer: Callable[[], None]) -> None:
        self._mask = mask
        self._on_answer = on_answer
        self._lines = {
            Source.MESSAGES: Lines(self._on_message, child.LONGEST_MESSAGE),
            Source.STDOUT: Lines(self._logs("openmetadata_ingestion.stdout", logging.INFO), _LONGEST_LINE),
            Source.STDERR: Lines(self._logs("openmetadata_ingestion.stderr", logging.WARNING), _LONGEST_LINE),
        }
        self.answer: dict[str, Any] = {}
        """Its ``result`` or ``error``, see `dag_factory.portable.ingestion.child`; empty before it has come."""

    def add(self, piece: Piece) -> None:
        """Log a piece of the child's output, or handle its messages, line by line."""
        self._lines[piece.source].add(piece.data)

    def flush(self) -> None:
        """Do the same with lines that have not ended."""
        for lines in self._lines.values():
            lines.flush()

    def _on_message(self, line: bytes, _is_whole: bool) -> None:
        try:
            message = json.loads(line)
            if "log" in message:
                record = message["log"]
                self._log(str(record["name"]), int(record["level"]), str(record["text"]))
            elif "secret" in message:
                self._mask.add(str(message["secret"]))
            else:
                self.answer.update(message)
                self._on_answer()
        except (ValueError, TypeError, KeyError):
            # Not logged, since a part of a message may hold a part of a secret.
            log.warning("The child process has sent %d bytes that are not a message", len(line))

    def _logs(self, name: str, level: int) -> Callable[[bytes, bool], None]:
        def log_line(line: bytes, is_whole: bool) -> None:
            text = self._mask.hide(line.decode(errors="replace").rstrip())
            if not is_whole:
                text = f"{text[:-_LONGEST_SECRET]}… (the rest of a very long line is left out)"
            if text:
                self._log(name, level, text)

        return log_line

    def _log(self, name: str, level: int, text: str) -> None:
        """Log a line as if it came from here, at any level: the child has already filtered by level."""
        logger = logging.getLogger(name)
        logger.handle(logger.makeRecord(name, level, child.__file__, 0, self._mask.hide(text), (), None))
