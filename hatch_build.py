"""The page on PyPI: README.md with links and pictures that lead to the repository, as no file lies beside that page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

# [text](target) and ![text](target), where the target is a file of the repository.
_TARGET = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)]+)\)")


class PageOnPyPI(MetadataHookInterface):
    """Sets `readme` and `urls`; the address is `repository` in the table ``[tool.hatch.metadata.hooks.custom]``."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the fields in a project's metadata. Without an address, the links stay as they are."""
        repository = str(self.config.get("repository", "")).rstrip("/")
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": with_addresses(text, repository)}
        metadata["urls"] = addresses(repository)


def with_addresses(text: str, repository: str) -> str:
    """Return a text whose links and pictures are addresses below that of a repository; unchanged without one."""

    def replaced(match: re.Match[str]) -> str:
        mark, title, target = match.groups()
        return f"{mark}[{title}]({repository}/{'raw' if mark else 'blob'}/HEAD/{target})"

    return _TARGET.sub(replaced, text) if repository else text


def addresses(repository: str) -> dict[str, str]:
    """Return the links beside the page, by their names; none without a repository."""
    if not repository:
        return {}
    files = {"Documentation": "README.md", "Changelog": "CHANGELOG.md", "Contributing": "CONTRIBUTING.md"}
    pages = {name: f"{repository}/blob/HEAD/{file}" for name, file in files.items()}
    return {"Source": repository, **pages, "Issues": f"{repository}/issues"}
