"""Makes an import of openmetadata-ingestion fail, in this process or, from `sitecustomize`, in a child."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType


class NotFast(RuntimeError):
    """A test of the fast tier does what takes long."""


class Refusing(Loader):
    """The loader of a package that must not be imported."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        raise NotFast("openmetadata-ingestion is imported. Mark the test: @pytest.mark.ingestion")

    def exec_module(self, module: ModuleType) -> None:
        """Never reached."""


class NoIngestion(MetaPathFinder):
    """Finds `metadata`, since code may ask whether it is installed, but fails each import of it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "metadata":
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None:
            spec.loader = Refusing()
        return spec


def install() -> NoIngestion:
    """Make each import of openmetadata-ingestion fail until the returned finder is removed from ``sys.meta_path``."""
    finder = NoIngestion()
    sys.meta_path.insert(0, finder)
    return finder
