"""Streams that replace those of the process, and rewrite each line before they pass it on."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

_LONGEST_LINE = 1024 * 1024


@contextmanager
def rewritten_output(rewrite: Callable[[str], str]) -> Iterator[None]:
    """
    Rewrite what is written to ``sys.stdout`` and ``sys.stderr`` for as long as the context lasts.

    This covers what Python code prints, in any thread: ``print``, warnings, tracebacks. It does not cover what C code
    or other programs write to the file descriptors, nor what is written to ``sys.__stdout__`` and ``sys.__stderr__``.
    """
    before = sys.stdout, sys.stderr
    # A process may have neither.
    masked = [None if stream is None else RewrittenLines(stream, rewrite) for stream in before]
    sys.stdout, sys.stderr = masked
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for stream in masked:
            if stream is not None:
                stream.finish()


class RewrittenLines(io.TextIOBase):
    """
    Rewrites each line that is written to it, and passes it on to another stream.

    A line is held back until it ends, even if it is flushed, so that it is rewritten as a whole. Each thread has a line
    of its own. It needs no lock, which a fork or a signal handler could find held.
    """

    def __init__(self, target: TextIO, rewrite: Callable[[str], str]) -> None:
        self._target = target
        self._rewrite = rewrite
        self._held: dict[int, io.StringIO] = {}

    def write(self, text: str) -> int:
        """Take a piece of text; where it ends a line, pass on what is held."""
        thread = threading.get_ident()
        held = self._held.pop(thread, None) or io.StringIO()
        held.write(text)
        if text.endswith(("\n", "\r")) or held.tell() > _LONGEST_LINE:
            self._target.write(self._rewrite(held.getvalue()))
        else:
            self._held[thread] = held
        return len(text)

    def flush(self) -> None:
        """Flush what has been passed on."""
        self._target.flush()

    def finish(self) -> None:
        """Pass on the lines that have not ended. A target that is closed is not an error."""
        with suppress(OSError, ValueError):
            for thread in list(self._held):
                if text := self._held.pop(thread).getvalue():
                    self._target.write(self._rewrite(text))
            self._target.flush()

    def close(self) -> None:
        """Leave the target open: it is not this stream's own."""

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return hasattr(self._target, "isatty") and self._target.isatty()

    def fileno(self) -> int:
        return self._target.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self._target, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return getattr(self._target, "errors", None)

    @property
    def buffer(self) -> io.RawIOBase:
        """The same stream, for bytes."""
        return _Bytes(self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)


class _Bytes(io.RawIOBase):
    """Takes bytes, and writes them to a stream as text."""

    def __init__(self, text: RewrittenLines) -> None:
        self._text = text

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._text.write(piece.decode(self._text.encoding, errors="replace"))
        return len(piece)

    def flush(self) -> None:
        self._text.flush()

    def close(self) -> None:
        """Leave the stream open."""

    def writable(self) -> bool:
        return True
