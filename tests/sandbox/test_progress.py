from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from sandbox.progress import Progress


def test_without_a_terminal_each_step_is_a_line_when_it_begins() -> None:
    text = io.StringIO()
    progress = Progress(Console(file=text))
    with progress.doing("Starting"):
        assert re.fullmatch(r"\[ *\d+\.\d s\] Starting \.\.\.\n", text.getvalue())


def test_at_a_terminal_a_step_shows_its_time_and_leaves_one_line_with_it() -> None:
    text = io.StringIO()
    progress = Progress(Console(file=text, force_terminal=True, width=80))
    with progress.doing("Starting"):
        pass
    assert "0:00:00" in text.getvalue()
    assert re.search(r"Starting: \d\.\d s\n$", text.getvalue())


def test_at_a_terminal_a_step_that_is_interrupted_shows_the_cursor_again() -> None:
    text = io.StringIO()
    progress = Progress(Console(file=text, force_terminal=True, width=80))
    with pytest.raises(KeyboardInterrupt), progress.doing("Starting"):
        raise KeyboardInterrupt
    assert text.getvalue().rindex("\x1b[?25h") > text.getvalue().rindex("\x1b[?25l")


def test_what_looks_like_markup_is_shown_as_it_is() -> None:
    text = io.StringIO()
    Progress(Console(file=text, markup=False)).say("sample [bold] :smile:")
    assert text.getvalue().endswith("sample [bold] :smile:\n")
