"""What a command prints: for a person at a terminal, for a person who reads a file, or for a program."""

from __future__ import annotations

import codecs
import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO, TypeVar

from airflow.cli.cli_config import Arg

from dag_factory.portable.plain_text import json_with_escapes, one_line, printable

ARG_OUTPUT = Arg(
    ("--output",), help="How to print it: for people, or as JSON", choices=("text", "json"), default="text"
)

_LINE_ENDS = re.compile("\n+")

T = TypeVar("T")
# What takes longer shows how far it is.
PATIENCE_SECONDS = 1.0


def print_json(value: Any) -> None:
    """Print a value as JSON, see `json_text`."""
    print(json_text(value))


def json_text(value: Any) -> str:
    """
    Return a value as JSON for standard output, with its keys in the order in which they are.

    Where that is not UTF-8, JSON's own escapes stand for all but ASCII: those that print makes are not JSON. They also
    stand for all that could steer a terminal.
    """
    is_utf8 = codecs.lookup(getattr(sys.stdout, "encoding", None) or "utf-8").name == "utf-8"
    return json_with_escapes(json.dumps(value, indent=2, ensure_ascii=not is_utf8, default=str))


def print_lines(lines: Iterable[str], file: TextIO | None = None) -> None:
    """
    Print lines for people, at once. A name or a text in them can neither steer a terminal nor begin a line of its own.

    :param file: where to, None for standard output
    """
    text = "".join(f"{_LINE_ENDS.sub(' ', printable(line))}\n" for line in lines)
    print(text, end="", file=file, flush=True)


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun, such as ``1 file`` or ``2 files``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table: with colours and as wide as the terminal where there is one, else one line for each row."""
    if not is_terminal():
        _print_plain_table([columns, *rows])
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # As texts, since brackets in a plain string would be markup. A name may hold what steers a terminal.
        table.add_row(*(Text(one_line(cell)) for cell in row))
    Console(highlight=False).print(table)


def _print_plain_table(rows: Sequence[Sequence[str]]) -> None:
    """Print a table as wide as it is; rich would take seconds for ten thousand rows."""
    from rich.cells import cell_len

    texts = [[one_line(cell) for cell in row] for row in rows]
    # Chinese and Japanese characters are twice as wide as others.
    wide = [[cell_len(text) for text in row] for row in texts]
    widths = [max(column) for column in zip(*wide, strict=True)]
    for row, taken in zip(texts, wide, strict=True):
        cells = (text + " " * (width - used) for text, used, width in zip(row, taken, widths, strict=True))
        print("  ".join(cells).rstrip())


def progress(each: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Yield each of some things. Where that takes longer than a second, and a terminal reads, show how far it is."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if not console.is_terminal:
        yield from each
        return
    began = time.monotonic()
    with Progress(console=console, transient=True) as shown:
        task = shown.add_task(what, total=total, visible=False)
        for one in each:
            yield one
            shown.update(task, advance=1, visible=time.monotonic() - began > PATIENCE_SECONDS)


@contextmanager
def steps() -> Iterator[Callable[[str], None]]:
    """
    Yield a function to call with each step that begins. Steps are shown on standard error: at a terminal the current
    one with a spinner, elsewhere a line for each.
    """
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda text: print(f"{one_line(text)} …", file=sys.stderr, flush=True)
        return
    with console.status("") as status:

        def show(text: str) -> None:
            status.update(Text(f"{one_line(text)} …"))

        yield show


def is_terminal() -> bool:
    """Return whether a person at a terminal reads what is printed."""
    return sys.stdout.isatty()
