"""
Escapes foreign texts in Markdown, so that each is shown as plain text.

Airflow's UI renders a DAG's docs in the user's browser. An image in them would be fetched from its server, which would
learn who reads them; and a link could have a misleading text.
"""

from __future__ import annotations

import html
import re

from dag_factory.portable.plain_text import cut, one_line, printable

# Special anywhere: code, emphasis, links, images, tables, headings. HTML and quotations become entities.
_SPECIAL = re.compile(r"([\\`*_\[\]|~#])")
# Special at the start of a line: lists, rules, underlined headings.
_AT_START = re.compile(r"([-+=:]|\d{1,9}[.)])")


def inline(text: str, longest: int = 1_000) -> str:
    """Return a text on one line, for a heading or a table's cell."""
    return _escaped(cut(one_line(text), longest))


def quoted(text: str, longest: int) -> str:
    """Return a text as a quotation, line by line; Markdown in it is shown as plain text."""
    lines = [_at_start(_escaped(line.strip())) for line in cut(printable(text), longest).split("\n")]
    # Two blanks at the end of a line are a line break.
    return "\n".join(f"> {line}  " if line else ">" for line in lines)


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", html.escape(text, quote=False))


def _at_start(line: str) -> str:
    found = _AT_START.match(line)
    return f"{line[: found.end() - 1]}\\{line[found.end() - 1 :]}" if found else line
