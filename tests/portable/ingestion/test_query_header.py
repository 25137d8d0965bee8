"""The comment with its version that openmetadata-ingestion puts before each SQL statement."""

from __future__ import annotations

import os
import sys
from types import ModuleType

import pytest

from dag_factory.portable.ingestion.query_header import read_version_once
from tests.forked_python import ForkedPython

HEADERS = "metadata.ingestion.connections.headers"
STATEMENTS = """
import sys
from importlib.metadata import version
from dag_factory.portable.ingestion.query_header import read_version_once
from metadata.ingestion.connections.headers import inject_query_header

files = []
sys.addaudithook(lambda event, arguments: files.append(str(arguments[0])) if event == "open" else None)

def read():
    files.clear()
    for _ in range(3):
        statement, _ = inject_query_header(None, None, "SELECT 1", None, None, None)
    assert statement.endswith("SELECT 1"), statement
    assert version("openmetadata-ingestion") in statement, statement
    return sum("openmetadata_ingestion" in each for each in files)

before = read()
read_version_once()
print(before - 1, read() - 1, read() - 1)
"""


@pytest.fixture
def headers(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of openmetadata-ingestion in which the version is read, of which nothing else is there."""
    module = ModuleType(HEADERS)
    for name in ("metadata", "metadata.ingestion", "metadata.ingestion.connections"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, HEADERS, module)
    return module


def test_the_version_is_read_once(headers: ModuleType) -> None:
    read: list[str] = []

    def version(name: str) -> str:
        read.append(name)
        return "2.0.6.0"

    headers.__dict__["_pkg_version"] = version
    for _ in range(2):
        read_version_once()
        assert headers._pkg_version("openmetadata-ingestion") == "2.0.6.0"
    assert read == ["openmetadata-ingestion"]


def test_a_release_that_reads_it_otherwise_is_left_alone(headers: ModuleType) -> None:
    before = dict(vars(headers))
    read_version_once()
    assert vars(headers) == before


def test_a_release_without_the_comment_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, HEADERS, None)
    read_version_once()


def test_the_installed_release_reads_no_file_for_a_statement(forked_ingestion: ForkedPython) -> None:
    done = forked_ingestion.run(STATEMENTS, env=os.environ)
    assert done.returncode == 0, done.stderr
    # What `version` itself reads for the comparison is one; the first of three statements reads another.
    before, first, later = map(int, done.stdout.split())
    assert (before, first, later) == (3, 1, 0)
