"""Lines, however they are cut into pieces."""

from __future__ import annotations

import pytest

from dag_factory.task.runner.lines import Lines

TEXT = b"first\n\nsecond line\nthe rest"


def cut(*pieces: bytes, longest: int = 100) -> list[tuple[bytes, bool]]:
    found: list[tuple[bytes, bool]] = []
    lines = Lines(lambda line, is_whole: found.append((line, is_whole)), longest)
    for piece in pieces:
        lines.add(piece)
    lines.flush()
    return found


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_lines_are_the_same_in_pieces_of_any_size(size: int) -> None:
    pieces = [TEXT[at : at + size] for at in range(0, len(TEXT), size)]
    assert cut(*pieces) == [(b"first", True), (b"second line", True), (b"the rest", True)]


def test_a_line_is_handed_on_as_soon_as_its_end_has_come() -> None:
    found: list[bytes] = []
    lines = Lines(lambda line, _: found.append(line), 100)
    lines.add(b"one\ntw")
    assert found == [b"one"]


@pytest.mark.parametrize("end", [b"\n", b""], ids=["with its end", "without"])
def test_what_is_longer_is_cut_and_says_so_and_the_next_line_is_whole(end: bytes) -> None:
    assert cut(b"x" * 5, longest=5) == [(b"xxxxx", True)]
    assert cut(b"x" * 3, b"x" * 1000 + end, longest=5) == [(b"xxxxx", False)]
    assert cut(b"x" * 1000 + b"\nnext", longest=5) == [(b"xxxxx", False), (b"next", True)]


def test_no_more_of_a_line_is_kept_than_is_handed_on() -> None:
    lines = Lines(lambda *_: None, 5)
    for _ in range(1000):
        lines.add(b"x" * 1000)
    assert len(lines._line) == 6
