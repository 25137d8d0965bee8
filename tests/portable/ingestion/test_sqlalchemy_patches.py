"""What a worker's import of openmetadata-ingestion changes for tasks of other DAGs: nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from sqlalchemy.dialects.postgresql.base import PGDialect

from dag_factory.portable.ingestion.sqlalchemy_patches import apply_patches, patches_set_aside
from tests.places import ROOT

# Prints what of the process is another after the import, and what of SQLAlchemy once a run has begun.
IMPORT = """
import logging, os, signal, socket, sys, threading, warnings
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.engine.reflection import Inspector
from dag_factory.portable.ingestion.imports import import_ingestion
from dag_factory.portable.ingestion.sqlalchemy_patches import apply_patches, patches_set_aside

def foreign():
    modules = [module for name, module in list(sys.modules.items()) if name.startswith("sqlalchemy")]
    classes = {each for module in modules for each in vars(module).values() if isinstance(each, type)}
    return {
        (each.__qualname__, name)
        for each in classes
        for name, value in list(vars(each).items())
        if str(getattr(value, "__module__", "")).startswith("metadata.")
    }

def state():
    return {
        "foreign methods": foreign(),
        "dialect": dict(vars(PGDialect)),
        "inspector": dict(vars(Inspector)),
        "root": (logging.root.level, list(logging.root.handlers), logging.getLogRecordFactory()),
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "hooks": (sys.excepthook, threading.excepthook, warnings.showwarning, list(warnings.filters)),
        "environment": dict(os.environ),
        "path": list(sys.path),
        "time-out": socket.getdefaulttimeout(),
        "threads": threading.enumerate(),
        "folder": os.getcwd(),
    }

def changed(before, after):
    print(*sorted(name for name in before if before[name] != after[name]))

before = state()
with patches_set_aside():
    import_ingestion()
changed(before, state())
apply_patches()
changed(before, state())
"""


@pytest.fixture
def read() -> Iterator[object]:
    """A method of a dialect, which a test may replace."""
    before = PGDialect.get_columns
    yield before
    PGDialect.get_columns = before  # type: ignore[method-assign]


def test_a_change_is_set_aside_until_a_run_begins(read: object) -> None:
    def ours(*_: object) -> None:
        """Never called."""

    with patches_set_aside():
        PGDialect.get_columns = ours  # type: ignore[assignment, method-assign]
        PGDialect.get_owner = ours  # type: ignore[attr-defined]
    assert PGDialect.get_columns is read
    assert "get_owner" not in vars(PGDialect)
    apply_patches()
    try:
        assert PGDialect.get_columns is ours
        assert vars(PGDialect)["get_owner"] is ours
    finally:
        del PGDialect.get_owner  # type: ignore[attr-defined]


def test_an_import_that_fails_leaves_nothing_changed(read: object) -> None:
    with pytest.raises(ImportError), patches_set_aside():
        PGDialect.get_columns = None  # type: ignore[assignment, method-assign]
        raise ImportError
    assert PGDialect.get_columns is read
    apply_patches()


@pytest.mark.ingestion
def test_the_import_leaves_a_worker_as_it_was_until_a_run_begins() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORT], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["", "dialect foreign methods inspector"]
