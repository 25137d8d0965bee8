"""Bytes that come piece by piece, cut into lines."""

from __future__ import annotations

from collections.abc import Callable


class Lines:
    """
    Cuts pieces into lines.

    :param on_line: called with each line that is not empty, and whether it is whole
    :param longest: in bytes; the rest of a longer line is left out
    """

    def __init__(self, on_line: Callable[[bytes, bool], None], longest: int) -> None:
        self._on_line = on_line
        self._longest = longest
        self._line = bytearray()

    def add(self, piece: bytes) -> None:
        """Pass on all lines that end within a piece, and keep the beginning of the next one."""
        *ends, rest = piece.split(b"\n")
        for end in ends:
            self._extend(end)
            self.flush()
        self._extend(rest)

    def flush(self) -> None:
        """Pass on a line that has not ended."""
        line, self._line = bytes(self._line), bytearray()
        if line:
            self._on_line(line[: self._longest], len(line) <= self._longest)

    def _extend(self, part: bytes) -> None:
        # One byte more than is passed on shows that there was more.
        self._line += part[: self._longest + 1 - len(self._line)]
