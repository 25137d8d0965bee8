"""Python imports this at its start, where it lies in PYTHONPATH: openmetadata-ingestion is then not installed."""

import gc
import sys
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any


class WithoutIngestion(PathFinder):
    @classmethod
    def find_spec(cls, fullname: str, *args: Any, **kwargs: Any) -> ModuleSpec | None:
        return None if fullname.partition(".")[0] == "metadata" else super().find_spec(fullname, *args, **kwargs)


sys.meta_path[sys.meta_path.index(PathFinder)] = WithoutIngestion
# As `tests/fewer_collections/sitecustomize.py`, in whose place Python imports this one.
gc.set_threshold(20_000)
