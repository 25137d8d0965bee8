"""Streams that stand in for those of the process, and rewrite each line before they hand it on."""

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

    That is what Python code prints, in any thread: ``print``, warnings, tracebacks. What is written to the file
    descriptors, by C code or the programs that are started, does not come by here, nor what is written to
    ``sys.__stdout__`` and ``sys.__stderr__``.
    """
    before = sys.stdout, sys.stderr
    # A process may have none.
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
    Hands what is written on to another stream, rewritten, once it ends a line.

    Until then it is held back, even if it is to be flushed, so that what is written in pieces is seen as a whole; each
    thread's by itself. There is no lock to be left held in a fork, or when a signal's handler prints.
    """

    def __init__(self, target: TextIO, rewrite: Callable[[str], str]) -> None:
        self._target = target
        self._rewrite = rewrite
        self._held: dict[int, io.StringIO] = {}

    def write(self, text: str) -> int:
        """Take a piece of text; all that ends with the end of a line goes on."""
        thread = threading.get_ident()
        held = self._held.pop(thread, None) or io.StringIO()
        held.write(text)
        if text.endswith(("\n", "\r")) or held.tell() > _LONGEST_LINE:
            self._target.write(self._rewrite(held.getvalue()))
        else:
            self._held[thread] = held
        return len(text)

    def flush(self) -> None:
        """Flush what has been handed on."""
        self._target.flush()

    def finish(self) -> None:
        """Hand on what no end of a line has followed. A target that takes nothing more is no error."""
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
        """The same for bytes."""
        return _Bytes(self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)


class _Bytes(io.RawIOBase):
    """Takes the text of a stream as bytes."""

    def __init__(self, text: RewrittenLines) -> None:
        self._text = text

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._text.write(piece.decode(self._text.encoding, errors="replace"))
        return len(piece)

    def flush(self) -> None:
        self._text.flush()

    def close(self) -> None:
        """Nothing of its own is open."""

    def writable(self) -> bool:
        return True
