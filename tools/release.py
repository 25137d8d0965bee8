"""
Looks whether what is checked out can be released as a version: ``python -m tools.release 0.1.0``.

The workflow that builds a release runs it first, so that no tag with a forgotten date or version reaches PyPI. It needs
nothing but the standard library and git.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_ENTRY = re.compile(r"^## (?P<version>\S+)(?: \((?P<date>[^)]*)\))?$", re.MULTILINE)


def main() -> int:
    """Return the exit code: 0 where the version can be released."""
    parser = argparse.ArgumentParser(description="Look whether what is checked out can be released.")
    parser.add_argument("version", help="such as 0.1.0")
    found = list(problems(parser.parse_args().version, ROOT))
    print("\n".join(found) or "It can be released.")
    return 1 if found else 0


def problems(version: str, root: Path) -> Iterator[str]:
    """Yield what stands in the way of releasing a repository as a version, each with the way out."""
    if (ours := version_in(root)) != version:
        yield f"dag_factory/__init__.py says {ours}. Set __version__ to {version}."
    entry = _ENTRY.search((root / "CHANGELOG.md").read_text(encoding="utf-8"))
    newest = entry["version"] if entry else "no version"
    if entry is None or newest != version:
        yield f"CHANGELOG.md begins with {newest}. Write its entry for {version} first."
    elif re.fullmatch(r"\d{4}-\d\d-\d\d", entry["date"] or "") is None:
        yield f"CHANGELOG.md has no date for {version}. Write: ## {version} (YYYY-MM-DD)"
    if not repository_in(root):
        yield (
            "pyproject.toml has no address of the repository, so the page on PyPI has no pictures and no links. Set "
            "`repository` in [tool.hatch.metadata.hooks.custom]."
        )
    if not (root / "tests" / "upgrade" / version).is_dir():
        yield f"tests/upgrade/{version} is missing. Run: python -m tests.upgrade"
    if changed := uncommitted(root):
        yield f"{changed} files are not as they are committed. Commit them, or put them back."


def version_in(root: Path) -> str:
    """Return the version that the package has."""
    found = re.search(r'^__version__ = "([^"]+)"$', (root / "dag_factory" / "__init__.py").read_text(), re.MULTILINE)
    return found[1] if found else "no version"


def repository_in(root: Path) -> str:
    """Return the address of the repository that hatch_build.py takes from pyproject.toml; empty where it is not set."""
    found = re.search(r'^repository = "([^"]*)"$', (root / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else ""


def uncommitted(root: Path) -> int:
    """Return how many files differ from the last commit, untracked ones included: they would be in the sdist."""
    asked = ["git", "-C", str(root), "status", "--porcelain"]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    return len(done.stdout.splitlines())


if __name__ == "__main__":
    sys.exit(main())
