"""
Texts of others within Markdown: each is shown as the text that it is.

Airflow's UI renders a DAG's docs in the browser of whoever opens them. An image in there would be fetched from
wherever it is, and so tell its owner who looks; a link may be called anything.
"""

from __future__ import annotations

import html
import re

from dag_factory.plain_text import cut, one_line, printable

# What begins something anywhere: code, emphasis, links, images, tables, headings. HTML and quotations become entities.
_SPECIAL = re.compile(r"([\\`*_\[\]|~#])")
# What begins something at the start of a line: lists, rules, headings that are underlined.
_AT_START = re.compile(r"([-+=:]|\d{1,9}[.)])")


def inline(text: str, longest: int = 1_000) -> str:
    """Return a text on one line, for a heading or a table's cell."""
    return _escaped(cut(one_line(text), longest))


def quoted(text: str, longest: int) -> str:
    """Return a text as a quotation, line by line: Markdown in it is shown as it was written."""
    lines = [_at_start(_escaped(line.strip())) for line in cut(printable(text), longest).split("\n")]
    # Two blanks at the end of a line are a line break.
    return "\n".join(f"> {line}  " if line else ">" for line in lines)


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", html.escape(text, quote=False))


def _at_start(line: str) -> str:
    found = _AT_START.match(line)
    return f"{line[: found.end() - 1]}\\{line[found.end() - 1 :]}" if found else line
