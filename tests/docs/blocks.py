"""
The blocks of code in README.md, CONTRIBUTING.md and docs/, and what is done with each.

- A block of YAML or JSON says which file it shows: by a comment at its begin (``# sales/orders.yaml``), by the comment
  that names its schema for an editor, or, in JSON, by the block's title. The files of a page are put into one config
  store. One that is ``wrong on purpose`` says so there.
- A line of a block of bash is a command: one that CI runs, one that a test runs, or one of ours.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import NamedTuple

from tests.places import ROOT

_FENCE = re.compile(r"^( *)```(\w+)?([^\n]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r'title="([^"]+)"')
_NAMED = re.compile(r"# (\S+\.(?:ya?ml|json))(.*)")
_WITH_SCHEMA = re.compile(r"# yaml-language-server: \$schema=\S*?(defaults|config)\.schema\.json")
WRONG = "wrong on purpose"

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


class Block(NamedTuple):
    """
    One block of a page.

    :param file: the file that the block shows, where it names one
    :param note: what it says of that file
    """

    page: str
    language: str
    text: str
    file: str | None
    note: str


def blocks(page: Path) -> list[Block]:
    """Return all blocks of a page."""
    found = []
    for _, language, info, indented in _FENCE.findall(page.read_text(encoding="utf-8")):
        # A block of a list is indented.
        text = textwrap.dedent(indented)
        named = _NAMED.match(text)
        file = named[1] if named else None
        if titled := _TITLE.search(info):
            file = titled[1]
        elif schema := _WITH_SCHEMA.match(text):
            file = f"{schema[1]}.yaml"
        found.append(Block(str(page.relative_to(ROOT)), language, text, file, named[2] if named else ""))
    return found


def in_language(*languages: str) -> list[Block]:
    """Return the blocks of all pages that are in one of some languages."""
    return [block for page in PAGES for block in blocks(page) if block.language in languages]


def commands(block: Block) -> list[str]:
    """Return the commands of a block of bash, with their continuation lines, without comments."""
    lines = block.text.replace("\\\n", " ").splitlines()
    return [" ".join(line.split()) for line in lines if line.strip() and not line.startswith("#")]
