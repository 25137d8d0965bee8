"""What a program does just now, for a person who waits: at a terminal with a clock that runs, else line by line."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import Progress as Shown
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text


class Progress:
    """Prints what happens, each line with the seconds since the start."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """The seconds since the start."""
        return time.monotonic() - self._started

    def say(self, text: str) -> None:
        """Print a line at once, even if the output is not a terminal."""
        # As a text, since brackets in a plain string would be markup.
        self._console.print(Text(f"[{self.seconds:5.1f} s] {text}"), soft_wrap=True)
        self._console.file.flush()

    def show(self, what: RenderableType) -> None:
        """Print texts as they are, however wide the terminal is."""
        self._console.print(what, soft_wrap=True)
        self._console.file.flush()

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Say what is done until the end of the context: at a terminal with the time that it takes, while it does."""
        if not self._console.is_terminal:
            self.say(f"{what} ...")
            yield
            return
        began = time.monotonic()
        columns = (SpinnerColumn(), TextColumn("{task.description} ..."), TimeElapsedColumn())
        with Shown(*columns, console=self._console, transient=True) as shown:
            shown.add_task(what, total=None)
            yield
        self.say(f"{what}: {time.monotonic() - began:.1f} s")
