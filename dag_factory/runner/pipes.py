"""Pipes to and from a child, neither of which is ever waited for."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import IO

_PIECE = 65536


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
    Cuts what comes from a pipe into lines, one piece at each read.

    :param on_line: is called with each line, and whether it is whole
    :param piece: how much one read takes at most, in bytes
    :param longest: the length of a line, in bytes, from which on the rest is left out
    :param before: is called when something has come, before its lines are handed on
    """

    def __init__(
        self,
        source: IO[bytes],
        on_line: Callable[[bytes, bool], None],
        *,
        piece: int,
        longest: int,
        before: Callable[[], object] | None = None,
    ) -> None:
        self.source = source
        self._on_line = on_line
        self._piece = piece
        self._longest = longest
        self._before = before
        self._line = bytearray()
        os.set_blocking(source.fileno(), False)

    def read(self) -> bool:
        """Read a piece of what is there and return whether more may come."""
        try:
            piece = os.read(self.source.fileno(), self._piece)
        except BlockingIOError:
            return True
        if piece and self._before is not None:
            self._before()
        *ends, rest = piece.split(b"\n")
        for end in ends:
            self._add(end)
            self.flush()
        self._add(rest)
        return bool(piece)

    def flush(self) -> None:
        """Hand on what no end of a line has followed."""
        line, self._line = bytes(self._line), bytearray()
        if line:
            self._on_line(line[: self._longest], len(line) <= self._longest)

    def _add(self, part: bytes) -> None:
        # One byte more than is handed on tells that there was more.
        self._line += part[: self._longest + 1 - len(self._line)]
