"""
Hooks of MkDocs: pages of the repository that lie outside of docs/, and links that lead there.

The same files are read in the repository and on the site. So their links are written as the repository needs them, and
changed here for the site.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
DOCS = "docs"
COMMANDS = "commands/"
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security-policy.md",
    "benchmarks/README.md": "benchmarks.md",
    "benchmarks/results.md": "benchmark-results.md",
}
"""Files of the repository outside of docs/ that are pages of the site, by their path in the repository."""
# [text](target#anchor) and ![text](target). A picture may be the text of a link.
_LINK = re.compile(
    r"(?P<mark>!?)\[(?P<text>(?:!\[[^\]]*\]\([^)]*\)|[^\]])*)\]\((?P<target>[^)#\s]*)(?P<anchor>#[^)\s]*)?\)"
)
_ELSEWHERE = re.compile(r"[a-z]+:|//")
_BLOCKS = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name each command's page in the navigation, and headings as the repository's view does."""
    config.nav = _with_commands(config.nav or [])
    config.mdx_configs.setdefault("toc", {})["slugify"] = heading_id
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages from outside of docs/."""
    from mkdocs.structure.files import File

    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Change a page's links from those of the repository to those of the site."""
    return for_the_site(markdown, page.file.src_uri)


def for_the_site(markdown: str, page: str) -> str:
    """
    Return a page's text with links for the site; one to a file that is no page of it becomes its text alone.

    :param page: path of the page in the site's sources, such as ``commands/init.md``
    """
    source = next((path for path, name in PAGES.items() if name == page), f"{DOCS}/{page}")

    def changed(match: re.Match[str]) -> str:
        mark, text, target, anchor = match["mark"], match["text"], match["target"], match["anchor"] or ""
        text = _LINK.sub(changed, text)
        if not target or _ELSEWHERE.match(target):
            return f"{mark}[{text}]({target}{anchor})"
        found = _page_of(posixpath.normpath(posixpath.join(posixpath.dirname(source), target)))
        if found is None:
            return text
        return f"{mark}[{text}]({posixpath.relpath(found, posixpath.dirname(page) or '.')}{anchor})"

    # Every second part is a block of code.
    parts = _BLOCKS.split(markdown)
    return "".join(part if number % 2 else _LINK.sub(changed, part) for number, part in enumerate(parts))


def heading_id(text: str, separator: str) -> str:
    """Return what a heading can be linked by, as repositories show it."""
    return re.sub(r"[^\w -]", "", text.lower()).replace(" ", separator)


def _page_of(path: str) -> str | None:
    """Return the page or picture of the site that a path in the repository has become; None where it has not."""
    return path.removeprefix(f"{DOCS}/") if path.startswith(f"{DOCS}/") else PAGES.get(path)


def _with_commands(nav: list[Any]) -> list[Any]:
    """Return a navigation with the pages of the commands in place of their folder, if there are any."""
    pages = sorted(path.stem for path in (ROOT / DOCS / COMMANDS).glob("*.md"))
    filled: list[Any] = []
    for entry in nav:
        if not isinstance(entry, dict):
            filled.append(entry)
            continue
        ((title, below),) = entry.items()
        if isinstance(below, list):
            filled.append({title: _with_commands(below)})
        elif below != COMMANDS:
            filled.append(entry)
        elif pages:
            filled.append({title: [{page: f"{COMMANDS}{page}.md"} for page in pages]})
    return filled
