"""Pipes to and from a child, neither of which is ever waited for."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import IO

_PIECE = 65536
_LONGEST_LINE = 1024 * 1024


class Feed:
    """Writes what the child is to read, as fast as it reads."""

    def __init__(self, target: IO[bytes], data: bytes) -> None:
        self._target = target
        self._data = data
        self.pending = True

    def write(self) -> bool:
        """Write a piece and return whether there is more; the target stays open."""
        try:
            self._data = self._data[os.write(self._target.fileno(), self._data[:_PIECE]) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            self._data = b""
        self.pending = bool(self._data)
        return self.pending


class Lines:
    """
    Cuts what comes from a pipe into lines.

    :param before: is called when something has come, before its lines are handed on
    """

    def __init__(
        self, source: IO[bytes], on_line: Callable[[bytes], None], *, before: Callable[[], object] | None = None
    ) -> None:
        self.source = source
        self._on_line = on_line
        self._before = before
        self._rest = b""
        os.set_blocking(source.fileno(), False)

    def read(self) -> bool:
        """Read all that is there and return whether more may come."""
        while True:
            try:
                piece = os.read(self.source.fileno(), _PIECE)
            except BlockingIOError:
                return True
            if not piece:
                return False
            if self._before is not None:
                self._before()
            *lines, self._rest = (self._rest + piece).split(b"\n")
            for line in lines:
                self._on_line(line)
            if len(self._rest) > _LONGEST_LINE:
                self.flush()

    def flush(self) -> None:
        """Hand on what no end of a line has followed."""
        rest, self._rest = self._rest, b""
        if rest:
            self._on_line(rest)
