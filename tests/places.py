"""Where things lie in the repository."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
# The folder of the sitecustomize.py that Python imports at the start of each process of the tests.
FEWER_COLLECTIONS = TESTS / "fewer_collections"

# The rooms of the package, those that lie in another one with its name before theirs.
ROOMS = sorted(
    path.parent.relative_to(ROOT / "dag_factory").as_posix()
    for pattern in ("*", "api_server/*", "portable/*", "task/*", "cli/checks")
    for path in (ROOT / "dag_factory").glob(f"{pattern}/__init__.py")
)
